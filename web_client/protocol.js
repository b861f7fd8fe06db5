// @ts-check
/**
 * Reads and writes the messages of docs/protocol.md, whose types are in `messages.js`, and checks each field. Both sides'
 * tests read `tests/fixtures/protocol.json`.
 */

import { isActName, isAspect, isBoolean, isColour, isHead, isMoodText, isNumber, isPerson, isRecord, isSecret, isString, isWho, listOf, mapOf, oneOf, optional, orNull, shape, within } from './checks.js';

/** @typedef {import('./checks.js').Check} Check */
/** @typedef {import('./messages.js').CandidateMessage} CandidateMessage */
/** @typedef {import('./messages.js').ClientMessage} ClientMessage */
/** @typedef {import('./messages.js').Face} Face */
/** @typedef {import('./messages.js').ServerMessage} ServerMessage */

export const PROTOCOL = 1;

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
