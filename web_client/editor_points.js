// @ts-check
/** The points of a picture as the editor holds them: names and groups, which are on, undo, and the JSON of docs/points.md. */

/** @typedef {[number, number]} Place pixels of the picture */
/** @typedef {Record<string, Place> & {outline?: Place[]}} PointsFile */

/**
 * What the server tells of a picture's points.
 * @typedef {object} Told
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {boolean} found whether the picture can be used without points of its face
 * @property {PointsFile | null} points those in use
 * @property {Record<string, Place>} guesses where each point is or may be
 */

export const REQUIRED = ['left_eye', 'right_eye', 'nose', 'mouth_left', 'mouth_right', 'chin'];
const LIDS = ['outer', 'inner', 'top', 'bottom'];
const ARMS = ['shoulder', 'elbow', 'wrist', 'hand'];
const LEGS = ['hip', 'knee', 'ankle', 'foot'];
const both = (/** @type {string[]} */ parts) => ['left', 'right'].flatMap((side) => parts.map((part) => `${side}_${part}`));

/** Names of the points by group, in the order of the keyboard's focus. */
export const GROUPS = /** @type {const} */ ({
  face: [...REQUIRED, 'forehead', 'ear_left', 'ear_right', 'mouth_top', 'mouth_bottom'],
  lids: both(LIDS.map((part) => `eye_${part}`)),
  arms: both(ARMS),
  legs: both(LEGS),
});
/** @typedef {keyof typeof GROUPS | 'outline'} Group */

const FACE = [...GROUPS.face, ...GROUPS.lids];
const OUTLINE = 'outline:'; // how a corner of the outline is named here, with its number
const OUTLINE_CORNERS = 14; // of an outline to begin with
const MAX_UNDO = 200;
const SAME_EDIT_MS = 700; // moves of one point by keys within this time are undone together

/** What the points are called on the page. */
export const LABELS = /** @type {Record<string, string>} */ ({
  left_eye: 'Left eye', right_eye: 'Right eye', nose: 'Nose', mouth_left: 'Left corner of the mouth',
  mouth_right: 'Right corner of the mouth', chin: 'Chin', forehead: 'Forehead', ear_left: 'Left cheek', ear_right: 'Right cheek',
  mouth_top: 'Upper lip', mouth_bottom: 'Lower lip',
  left_eye_outer: 'Left eye, outer corner', left_eye_inner: 'Left eye, inner corner', left_eye_top: 'Left eye, upper lid',
  left_eye_bottom: 'Left eye, lower lid', right_eye_outer: 'Right eye, outer corner', right_eye_inner: 'Right eye, inner corner',
  right_eye_top: 'Right eye, upper lid', right_eye_bottom: 'Right eye, lower lid',
  left_shoulder: 'Left shoulder', right_shoulder: 'Right shoulder', left_elbow: 'Left elbow', right_elbow: 'Right elbow',
  left_wrist: 'Left wrist', right_wrist: 'Right wrist', left_hand: 'Left fingertips', right_hand: 'Right fingertips',
  left_hip: 'Left hip', right_hip: 'Right hip', left_knee: 'Left knee', right_knee: 'Right knee', left_ankle: 'Left ankle',
  right_ankle: 'Right ankle', left_foot: 'Left toes', right_foot: 'Right toes',
});

/** Pairs of points between which the editor draws a line. @type {[string, string][]} */
export const LINES = [
  ['mouth_left', 'mouth_top'], ['mouth_top', 'mouth_right'], ['mouth_right', 'mouth_bottom'], ['mouth_bottom', 'mouth_left'],
  ...['left_eye', 'right_eye'].flatMap((eye) => /** @type {[string, string][]} */ ([
    [`${eye}_outer`, `${eye}_top`], [`${eye}_top`, `${eye}_inner`], [`${eye}_inner`, `${eye}_bottom`], [`${eye}_bottom`, `${eye}_outer`]])),
  ['left_shoulder', 'right_shoulder'], ['left_hip', 'right_hip'],
  ...['left', 'right'].flatMap((side) => /** @type {[string, string][]} */ ([
    [`${side}_shoulder`, `${side}_elbow`], [`${side}_elbow`, `${side}_wrist`], [`${side}_wrist`, `${side}_hand`],
    [`${side}_shoulder`, `${side}_hip`], [`${side}_hip`, `${side}_knee`], [`${side}_knee`, `${side}_ankle`], [`${side}_ankle`, `${side}_foot`]])),
];

/** @param {string} name @returns {Group} */
export function groupOf(name) {
  const found = /** @type {(keyof typeof GROUPS)[]} */ (Object.keys(GROUPS)).find((group) => GROUPS[group].includes(name));
  return found ?? 'outline';
}

/** @param {string} name */
export const labelOf = (name) => LABELS[name] ?? `Corner ${Number(name.slice(OUTLINE.length)) + 1} of the outline`;

/** A file of points that cannot be read; `message` says why and what to do. */
export class PointsFileError extends Error {}

/**
 * @param {string} text
 * @returns {PointsFile}
 * @throws {PointsFileError}
 */
export function parsePoints(text) {
  /** @type {unknown} */
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    throw new PointsFileError('This file is not JSON: choose one that was downloaded here, or see docs/points.md.');
  }
  const isPlace = (/** @type {unknown} */ place) => Array.isArray(place) && place.length === 2 && place.every((at) => Number.isFinite(at));
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new PointsFileError('This file has no points: it must hold names with [x, y].');
  }
  for (const [name, value] of Object.entries(data)) {
    if (name !== 'outline' && !(name in LABELS)) {
      throw new PointsFileError(`${name.slice(0, 40)} is not the name of a point: see docs/points.md.`);
    }
    if (!(name === 'outline' ? Array.isArray(value) && value.every(isPlace) : isPlace(value))) {
      throw new PointsFileError(`The point ${name} must be two numbers [x, y] in pixels of the picture.`);
    }
  }
  return /** @type {PointsFile} */ (data);
}

/** The points of one picture while they are edited. */
export class PointSet {
  /** @param {Told} told */
  constructor(told) {
    this.width = told.width;
    this.height = told.height;
    this.found = told.found;
    /** @type {Map<string, Place>} */
    this.places = new Map(Object.entries(told.guesses).filter(([name]) => name in LABELS));
    /** Names of the points that are used. @type {Set<string>} */
    this.on = new Set(told.found ? [] : REQUIRED);
    /** @type {string[]} */
    this.undone = [];
    /** @type {string[]} */
    this.done = [];
    this.lastEdit = { name: '', at: 0 };
    if (told.points) {
      this.#take(told.points);
    }
  }

  /** @returns {string[]} names of the outline's corners */
  get corners() {
    return [...this.places.keys()].filter((name) => name.startsWith(OUTLINE));
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  /**
   * Moves a point, which switches it on. A run of moves of one point by keys is one step to undo.
   * @param {string} name
   * @param {number} x
   * @param {number} y
   * @param {boolean} [begins] whether a new step begins
   */
  move(name, x, y, begins = false) {
    const now = Date.now();
    if (begins || this.lastEdit.name !== name || now - this.lastEdit.at > SAME_EDIT_MS) {
      this.#remember();
    }
    this.lastEdit = { name, at: now };
    this.#switchOn(name);
    this.places.set(name, [round(x, this.width), round(y, this.height)]);
  }

  /**
   * @param {string} name
   * @param {boolean} on
   */
  toggle(name, on) {
    this.#remember();
    if (on) {
      this.#switchOn(name);
    } else if (name.startsWith(OUTLINE)) {
      this.#removeCorner(name);
    } else if (REQUIRED.includes(name)) {
      FACE.forEach((each) => this.on.delete(each)); // there is no face without one of these
    } else {
      this.on.delete(name);
    }
  }

  /** @param {boolean} on whether the picture's subject has an outline, first an ellipse around its points */
  toggleOutline(on) {
    this.#remember();
    this.corners.forEach((name) => { this.places.delete(name); this.on.delete(name); });
    if (on) {
      const places = [...this.places].filter(([name]) => FACE.includes(name)).map(([, place]) => place);
      const [left, top, right, bottom] = [0, 1].map((axis) => Math.min(...places.map((place) => place[axis])))
        .concat([0, 1].map((axis) => Math.max(...places.map((place) => place[axis]))));
      const corners = Array.from({ length: OUTLINE_CORNERS }, (_, k) => /** @type {Place} */ ([
        round((left + right) / 2 + 0.85 * (right - left) * Math.cos((2 * Math.PI * k) / OUTLINE_CORNERS), this.width),
        round((top + bottom) / 2 + 0.8 * (bottom - top) * Math.sin((2 * Math.PI * k) / OUTLINE_CORNERS), this.height)]));
      this.#setOutline(corners);
    }
  }

  /**
   * Adds a corner to the outline, between the two that are nearest to this place.
   * @param {number} x
   * @param {number} y
   */
  addCorner(x, y) {
    const corners = this.outline;
    const length = (/** @type {number} */ k) => {
      const [[x0, y0], [x1, y1]] = [corners[k], corners[(k + 1) % corners.length]];
      return Math.hypot(x - x0, y - y0) + Math.hypot(x - x1, y - y1) - Math.hypot(x0 - x1, y0 - y1);
    };
    if (corners.length > 0) {
      this.#remember();
      const nearest = corners.reduce((best, _, k) => (length(k) < length(best) ? k : best), 0);
      corners.splice(nearest + 1, 0, [round(x, this.width), round(y, this.height)]);
      this.#setOutline(corners);
    }
  }

  /** @returns {Place[]} */
  get outline() {
    return this.corners.map((name) => /** @type {Place} */ (this.places.get(name)));
  }

  undo() {
    this.#swap(this.done, this.undone);
  }

  redo() {
    this.#swap(this.undone, this.done);
  }

  /** @param {PointsFile} points which take the place of all that are on */
  load(points) {
    this.#remember();
    this.#take(points);
  }

  /** @returns {PointsFile} the points that are on */
  toFile() {
    const named = Object.keys(LABELS).filter((name) => this.on.has(name)).map((name) => [name, this.places.get(name)]);
    const { outline } = this;
    return { ...Object.fromEntries(named), ...(outline.length > 0 ? { outline } : {}) };
  }

  /** @param {PointsFile} points */
  #take({ outline = [], ...named }) {
    this.on.clear();
    Object.entries(named).forEach(([name, place]) => { this.places.set(name, place); this.on.add(name); });
    this.#setOutline(outline);
  }

  /** @param {Place[]} corners */
  #setOutline(corners) {
    this.corners.forEach((name) => { this.places.delete(name); this.on.delete(name); });
    corners.forEach((place, k) => { this.places.set(`${OUTLINE}${k}`, place); this.on.add(`${OUTLINE}${k}`); });
  }

  /** @param {string} name */
  #removeCorner(name) {
    const corners = this.outline.filter((_, k) => `${OUTLINE}${k}` !== name);
    this.#setOutline(corners.length < 3 ? [] : corners);
  }

  /**
   * A face needs all of its required points; where it was found, all others are known as well.
   * @param {string} name
   */
  #switchOn(name) {
    this.on.add(name);
    if (FACE.includes(name)) {
      const isNew = !REQUIRED.every((each) => this.on.has(each));
      (isNew && this.found ? FACE : REQUIRED).filter((each) => this.places.has(each)).forEach((each) => this.on.add(each));
    }
  }

  #snapshot() {
    return JSON.stringify([[...this.places], [...this.on]]);
  }

  #remember() {
    this.done = [...this.done, this.#snapshot()].slice(-MAX_UNDO);
    this.undone = [];
    this.lastEdit = { name: '', at: 0 };
  }

  /**
   * @param {string[]} from
   * @param {string[]} to
   */
  #swap(from, to) {
    const snapshot = from.pop();
    if (snapshot !== undefined) {
      to.push(this.#snapshot());
      const [places, on] = JSON.parse(snapshot);
      [this.places, this.on] = [new Map(places), new Set(on)];
      this.lastEdit = { name: '', at: 0 };
    }
  }
}

/**
 * A coordinate within the picture, to tenths of a pixel.
 * @param {number} value
 * @param {number} limit
 */
const round = (value, limit) => Math.round(Math.min(Math.max(value, 0), limit) * 10) / 10;
