// @ts-check
/**
 * The messages of docs/protocol.md, as types and as run-time checks. Both sides' tests read `tests/fixtures/protocol.json`.
 */

export const PROTOCOL = 1;

/** @typedef {'original' | 'blur' | 'colour' | 'transparent' | 'picture'} Background */
/** @typedef {'whole' | 'bust' | 'face'} FrameKind */
/** @typedef {'fast' | 'balanced' | 'best'} SpeedKind */
/** @typedef {'edges' | 'body' | 'closeups' | 'pixels'} GivenUp */
/** @typedef {'waiting' | 'calibrating' | 'live' | 'lost' | 'stalled' | 'paused'} Phase */

/**
 * @typedef {object} Controls
 * @property {number} head strength of the head motion, 0..2
 * @property {number} face strength of the expression, 0..2
 * @property {number} body strength of the body motion, 0..2
 * @property {number} eyes strength of lids and gaze, a factor of `face`, 0..2
 * @property {number} brows the same of the brows
 * @property {number} mouth of lips and jaw
 * @property {number} hands of palms and fingers, a factor of `body`
 * @property {number} voice how much of the mouth the microphone moves while the face is seen, 0..1
 * @property {boolean} tracker whether the tracker of another program drives in place of the camera
 * @property {boolean} follow_body whether body and hands are looked at
 * @property {number} smoothing of the motion, 0 none .. 2 calm
 * @property {number} yaw degrees by which the head turns in addition, to the driver's own right, −45..45
 * @property {number} pitch up, −30..30
 * @property {number} roll tilted to the driver's own right, −30..30
 * @property {number} gaze_x degrees by which the eyes turn in addition, to the driver's own right, −30..30
 * @property {number} gaze_y up, −30..30
 * @property {number} light strength of the driver's light, 0..2
 * @property {number} shoulders factor of the picture's shoulder width, 0.5..1.5
 * @property {number} torso the same of the torso's length
 * @property {number} arms of the arms
 * @property {number} legs of the legs
 * @property {boolean} teeth whether the driver's teeth and tongue are copied into the picture
 * @property {boolean} mirror
 * @property {Background} background
 * @property {string} colour #rrggbb
 * @property {FrameKind} frame what is shown of the picture
 * @property {string} aspect `picture`, `1:1`, `16:9`, `9:16` or WIDTHxHEIGHT in pixels
 * @property {number} zoom size of the character in the frame, 0.5..4
 * @property {number} shift_x where the character is moved, −1 left .. 1 right
 * @property {number} shift_y −1 up .. 1 down
 * @property {boolean} keep_in_frame whether the head stays in the frame whatever the driver does
 * @property {string} who of several people before the camera is followed: `largest`, `left`, `right` or a number from the left
 * @property {SpeedKind} speed what a busy computer keeps longest: frames, both, or the picture
 * @property {boolean} paused
 */

/** @typedef {{width: number, height: number, fps: number}} VideoSize */
/** @typedef {[number, number, number, number]} HeadBox left, top, width and height in fractions of the picture */
/** @typedef {{candidate: string | null, sdpMid?: string | null, sdpMLineIndex?: number | null, usernameFragment?: string}} Candidate */
/** @typedef {{p50: number, p95: number, p99: number}} Percentiles milliseconds */
/** @typedef {{min: number, max: number}} Range over the live sessions */

/**
 * @typedef {{type: 'hello', protocol: number, watch?: true, resume?: string}} Hello
 * @typedef {{type: 'offer', sdp: string}} Offer
 * @typedef {{type: 'candidate'} & Candidate} CandidateMessage
 * @typedef {{type: 'control', calibrate?: true, straighten?: true} & Partial<Controls>} Control
 * @typedef {{weights: Record<string, number>, turn: [number, number, number]}} Face a face that the server measured: blendshapes, 0..1, and the head's turn
 * @typedef {{type: 'act', name: string, on?: boolean} & Partial<Face>} Act
 * @typedef {{type: 'remember'}} Remember
 * @typedef {{type: 'person', person: string}} Person
 * @typedef {{type: 'mood', text: string}} MoodText at most 200 characters of English words; empty: no mood
 * @typedef {{type: 'bye'}} Bye
 * @typedef {Hello | Offer | CandidateMessage | Control | Act | Remember | Person | MoodText | Bye} ClientMessage
 */

/**
 * @typedef {object} Ready
 * @property {'ready'} type
 * @property {number} protocol
 * @property {string} session
 * @property {RTCIceServer[]} ice_servers
 * @property {VideoSize} video
 * @property {{name: string, notes: string[], views: string[], people: number, person: string, heads: HeadBox[], chosen: number | null}} picture
 * @property {Controls} controls
 * @property {Mood} mood how the character is, and how the words for it were read
 * @property {boolean} resumed whether this is the session before, with its picture, controls and neutral
 */

/** @typedef {{type: 'answer', sdp: string}} Answer */
/** @typedef {{type: 'state', phase: Phase, progress: number, message: string | null, people: number, speaks: boolean, recorded: boolean}} State people: how many the camera shows; speaks: whether a voice is heard; recorded: whether the server writes avatar and sound to a file */

/**
 * @typedef {object} PictureStatus
 * @property {'picture-status'} type
 * @property {'preparing' | 'ready' | 'failed' | 'framing' | 'framed'} stage the last two of a changed frame
 * @property {string} name
 * @property {number | null} width
 * @property {number | null} height
 * @property {string[]} notes
 * @property {string | null} message
 * @property {string[]} views names of the further pictures of the character
 * @property {string | null} code of a failure: `no-face` where points help
 * @property {number} people how many the picture shows
 * @property {string} person who of them is animated: `largest`, `left`, `right`, `all` or a number from the left
 * @property {HeadBox[]} heads of all of them, from left to right
 * @property {number | null} chosen number of who is animated, 0 the leftmost; null: all, or nothing is ready
 * @property {boolean} by_program whether another program than this page chose it
 */

/** kind: `elsewhere` where another session is driven. @typedef {{kind: 'off' | 'silent' | 'elsewhere' | 'drives', program: string, per_second: number}} Tracker what is received of trackers of other programs */
/**
 * @typedef {object} Stats
 * @property {'stats'} type
 * @property {{in: number, out: number}} fps
 * @property {Percentiles} latency_ms
 * @property {Percentiles} queue_age_ms
 * @property {Record<string, Percentiles>} stage_ms
 * @property {Record<string, number>} drops
 * @property {number} bitrate_kbps
 * @property {number} sessions
 * @property {{fps: Range, latency_ms: Range}} spread
 * @property {{kind: string, name: string}} device what draws
 * @property {Record<string, number>} memory_mb by kind of memory
 * @property {GivenUp[]} given_up what is done less well, so that a busy computer keeps up
 * @property {Tracker | null} tracker of other programs; null: the server receives none
 */

/**
 * @typedef {object} FilmStatus
 * @property {'film'} type
 * @property {'sending' | 'preparing' | 'tracking' | 'drawing' | 'finishing' | 'ready' | 'failed'} stage
 * @property {string} name of the clip
 * @property {'mp4' | 'webm'} suffix of the film
 * @property {number} done of its frames, 0..1
 * @property {number | null} seconds_left estimated; null where nothing is known yet
 * @property {number | null} size bytes of a film that is ready
 * @property {string[]} notes sentences about it
 * @property {string | null} message why it failed
 */

/** @typedef {{type: 'controls', controls: Partial<Controls>}} ControlsChanged set by the server itself, or by another program */
/** @typedef {{type: 'face'} & Face} FaceMeasured the answer to `remember` */
/**
 * @typedef {object} Mood
 * @property {string} text
 * @property {{phrase: string, read: string}[]} understood each phrase, and what it was read as in the words of docs/words.md
 * @property {{word: string, nearest: string[]}[]} unknown each word that was not understood, and similar ones that are
 */
/** @typedef {{type: 'mood'} & Mood} MoodRead the answer to `mood` */
/** @typedef {{type: 'acts', on: string[]}} ActsChanged names of the faces that other programs hold */
/** @typedef {{type: 'error', code: string, message: string, fatal: boolean}} ServerError */
/** @typedef {{type: 'bye', reason: string}} ServerBye */
/** @typedef {Ready | Answer | CandidateMessage | State | PictureStatus | FilmStatus | ControlsChanged | FaceMeasured | MoodRead | ActsChanged | Stats | ServerError | ServerBye} ServerMessage */

/** @typedef {(value: unknown) => boolean} Check */

/** @type {Check} */ const isString = (value) => typeof value === 'string';
/** @type {Check} */ const isSecret = (value) => typeof value === 'string' && /^[\w-]{22,64}$/.test(value);
/** @type {Check} */ const isBoolean = (value) => typeof value === 'boolean';
/** @type {Check} */ const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
/** @type {Check} */ const isColour = (value) => typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value);
/** @type {Check} */ const isAspect = (value) => typeof value === 'string' && /^(picture|1:1|16:9|9:16|\d{2,4}x\d{2,4})$/.test(value);
/** @type {Check} */ const isWho = (value) => typeof value === 'string' && /^(largest|left|right|[1-9])$/.test(value);
/** @type {Check} */ const isActName = (value) => typeof value === 'string' && /^[a-z0-9-]{1,32}$/.test(value);
/** @type {Check} */ export const isMoodText = (value) => typeof value === 'string' && [...value].length <= 200;
/** @type {Check} */ const isPerson = (value) => typeof value === 'string' && /^(all|largest|left|right|[1-9][0-9]?)$/.test(value);
/** @param {number} low @param {number} high @returns {Check} */
const within = (low, high) => (value) => isNumber(value) && Number(value) >= low && Number(value) <= high;
/** @param {...unknown} values @returns {Check} */
const oneOf = (...values) => (value) => values.includes(value);
/** @param {Check} check @returns {Check} */
const orNull = (check) => (value) => value === null || check(value);
/** @param {Check} check @returns {Check} */
const optional = (check) => (value) => value === undefined || check(value);
/** @param {Check} check @returns {Check} */
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** @type {Check} */ const isHead = (value) => Array.isArray(value) && value.length === 4 && value.every(isNumber);
/** @param {Check} check @returns {Check} */
const mapOf = (check) => (value) => isRecord(value) && Object.values(value).every(check);
/** @param {Record<string, Check>} fields @returns {Check} */
const shape = (fields) => (value) => isRecord(value) && Object.keys(fields).every((name) => fields[name](value[name]));

const percentiles = shape({ p50: isNumber, p95: isNumber, p99: isNumber });
const range = shape({ min: isNumber, max: isNumber });
const strength = within(0, 2);
const boneFactor = within(0.5, 1.5);
const background = oneOf('original', 'blur', 'colour', 'transparent', 'picture');
const controls = {
  head: strength,
  face: strength,
  body: strength,
  light: strength,
  eyes: strength,
  brows: strength,
  mouth: strength,
  hands: strength,
  voice: within(0, 1),
  tracker: isBoolean,
  follow_body: isBoolean,
  smoothing: strength,
  yaw: within(-45, 45),
  pitch: within(-30, 30), roll: within(-30, 30), gaze_x: within(-30, 30), gaze_y: within(-30, 30),
  shoulders: boneFactor, torso: boneFactor, arms: boneFactor, legs: boneFactor,
  teeth: isBoolean,
  mirror: isBoolean,
  background,
  colour: isColour,
  frame: oneOf('whole', 'bust', 'face'),
  aspect: isAspect,
  zoom: within(0.5, 4),
  shift_x: within(-1, 1),
  shift_y: within(-1, 1),
  keep_in_frame: isBoolean,
  who: isWho,
  speed: oneOf('fast', 'balanced', 'best'),
  paused: isBoolean,
};
/**
 * The first field of some controls that is unknown or out of range; null where all are right.
 * @param {Record<string, unknown>} some
 * @returns {string | null}
 */
export function findControlError(some) {
  const checks = /** @type {Record<string, Check>} */ (controls);
  return Object.keys(some).find((name) => !Object.hasOwn(checks, name) || !checks[name](some[name])) ?? null;
}
/** @type {Check} */
const isPartialControls = (value) => isRecord(value) && findControlError(value) === null;
const candidate = {
  candidate: orNull(isString),
  sdpMid: optional(orNull(isString)),
  sdpMLineIndex: optional(orNull(isNumber)),
  usernameFragment: optional(isString),
};
const face = { weights: mapOf(within(0, 1)), turn: listOf(within(-1, 1)) };
const mood = {
  text: isString,
  understood: listOf(shape({ phrase: isString, read: isString })),
  unknown: listOf(shape({ word: isString, nearest: listOf(isString) })),
};
/** @type {(value: unknown) => value is Face} */
export const isFace = /** @type {any} */ (shape(face));

/** The server's messages, field by field. A newer server may send other fields, which are accepted. */
const SERVER_MESSAGES = {
  ready: {
    protocol: oneOf(PROTOCOL),
    session: isString,
    ice_servers: listOf(isRecord),
    video: shape({ width: isNumber, height: isNumber, fps: isNumber }),
    picture: shape({ name: isString, notes: listOf(isString), views: listOf(isString), people: isNumber, person: isPerson, heads: listOf(isHead), chosen: orNull(isNumber) }),
    controls: shape(controls),
    mood: shape(mood),
    resumed: isBoolean,
  },
  answer: { sdp: isString },
  candidate,
  state: {
    phase: oneOf('waiting', 'calibrating', 'live', 'lost', 'stalled', 'paused'),
    progress: within(0, 1),
    message: orNull(isString),
    people: isNumber,
    speaks: isBoolean, recorded: isBoolean,
  },
  'picture-status': {
    stage: oneOf('preparing', 'ready', 'failed', 'framing', 'framed'),
    name: isString,
    width: orNull(isNumber),
    height: orNull(isNumber),
    notes: listOf(isString),
    message: orNull(isString),
    views: listOf(isString),
    code: orNull(isString),
    people: isNumber,
    person: isPerson,
    heads: listOf(isHead),
    chosen: orNull(isNumber),
    by_program: isBoolean,
  },
  film: {
    stage: oneOf('sending', 'preparing', 'tracking', 'drawing', 'finishing', 'ready', 'failed'),
    name: isString,
    suffix: oneOf('mp4', 'webm'),
    done: within(0, 1),
    seconds_left: orNull(isNumber),
    size: orNull(isNumber),
    notes: listOf(isString),
    message: orNull(isString),
  },
  controls: { controls: isPartialControls },
  face,
  mood,
  acts: { on: listOf(isString) },
  stats: {
    fps: shape({ in: isNumber, out: isNumber }),
    latency_ms: percentiles,
    queue_age_ms: percentiles,
    stage_ms: mapOf(percentiles),
    drops: mapOf(isNumber),
    bitrate_kbps: isNumber,
    sessions: isNumber,
    spread: shape({ fps: range, latency_ms: range }),
    device: shape({ kind: isString, name: isString }),
    memory_mb: mapOf(isNumber),
    given_up: listOf(oneOf('edges', 'body', 'closeups', 'pixels')),
    tracker: orNull(shape({ kind: oneOf('off', 'silent', 'elsewhere', 'drives'), program: isString, per_second: isNumber })),
  },
  error: { code: isString, message: isString, fatal: isBoolean },
  bye: { reason: isString },
};

/** This page's messages, field by field. The server refuses other fields, so `serialise` does too. */
const CLIENT_MESSAGES = {
  hello: { protocol: oneOf(PROTOCOL), watch: optional(oneOf(true)), resume: optional(isSecret) },
  offer: { sdp: isString },
  candidate,
  control: {
    ...Object.fromEntries(Object.entries(controls).map(([name, check]) => [name, optional(check)])),
    calibrate: optional(oneOf(true)),
    straighten: optional(oneOf(true)),
  },
  act: { name: isActName, on: optional(isBoolean), weights: optional(face.weights), turn: optional(face.turn) },
  remember: {},
  person: { person: isPerson },
  mood: { text: isMoodText },
  bye: {},
};

/**
 * The first field of `message` that fails its check, as `type.field`, or null where the message is valid.
 * @param {Record<string, Record<string, Check>>} table
 * @param {unknown} message
 * @returns {string | null}
 */
function findError(table, message) {
  if (!isRecord(message) || typeof message.type !== 'string' || !Object.hasOwn(table, message.type)) {
    return 'a message of an unknown type';
  }
  const fields = table[message.type];
  const invalid = Object.keys(fields).find((name) => !fields[name](message[name]));
  return invalid === undefined ? null : `${message.type}.${invalid}`;
}

/**
 * Reads one message from the server.
 * @param {string} json
 * @returns {ServerMessage}
 * @throws {Error} where it breaks the protocol; the message names the field.
 */
export function parse(json) {
  /** @type {unknown} */
  let message;
  try {
    message = JSON.parse(json);
  } catch {
    throw new Error('The server sent something that is not JSON: reload the page.');
  }
  const invalid = findError(SERVER_MESSAGES, message);
  if (invalid) {
    throw new Error(`The server and this page do not speak the same protocol (${invalid}): reload the page.`);
  }
  return /** @type {ServerMessage} */ (message);
}

/**
 * Writes one message to the server.
 * @param {ClientMessage} message
 * @returns {string} JSON
 * @throws {TypeError} for a message that the protocol does not have, which is a bug of this page.
 */
export function serialise(message) {
  const invalid = findError(CLIENT_MESSAGES, message);
  if (invalid) {
    throw new TypeError(`not in the protocol: ${invalid}`);
  }
  const known = Object.keys(/** @type {Record<string, Record<string, Check>>} */ (CLIENT_MESSAGES)[message.type]);
  const unknown = Object.keys(message).find((name) => name !== 'type' && !known.includes(name));
  if (unknown) {
    throw new TypeError(`not in the protocol: ${message.type}.${unknown}`);
  }
  return JSON.stringify(message);
}

/**
 * A browser's ICE candidate as the protocol carries it.
 * @param {RTCIceCandidate | null} ice null: there are no more.
 * @returns {CandidateMessage}
 */
export function candidateMessage(ice) {
  if (ice === null) {
    return { type: 'candidate', candidate: null };
  }
  const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = ice.toJSON();
  return {
    type: 'candidate',
    candidate: candidate ?? '',
    sdpMid: sdpMid ?? null,
    sdpMLineIndex: sdpMLineIndex ?? null,
    ...(usernameFragment ? { usernameFragment } : {}),
  };
}
