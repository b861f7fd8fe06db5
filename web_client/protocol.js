// @ts-check
/**
 * The messages of docs/protocol.md, as types and as checks. `tests/fixtures/protocol.json` holds one example of each;
 * the server's tests and this page's tests read the same file.
 */

export const PROTOCOL = 1;

/** @typedef {'original' | 'blur' | 'colour' | 'transparent'} Background */
/** @typedef {'waiting' | 'calibrating' | 'live' | 'lost' | 'stalled' | 'paused'} Phase */

/**
 * @typedef {object} Controls
 * @property {number} head motion strength, 0..2
 * @property {number} face
 * @property {number} body
 * @property {number} light
 * @property {boolean} teeth what an open mouth shows is drawn
 * @property {boolean} mirror
 * @property {Background} background
 * @property {string} colour #rrggbb
 * @property {boolean} paused
 */

/** @typedef {{width: number, height: number, fps: number}} VideoSize */
/** @typedef {{candidate: string | null, sdpMid?: string | null, sdpMLineIndex?: number | null, usernameFragment?: string}} Candidate */
/** @typedef {{p50: number, p95: number, p99: number}} Percentiles milliseconds */
/** @typedef {{min: number, max: number}} Range over the live sessions */

/**
 * @typedef {{type: 'hello', protocol: number, watch?: true}} Hello
 * @typedef {{type: 'offer', sdp: string}} Offer
 * @typedef {{type: 'candidate'} & Candidate} CandidateMessage
 * @typedef {{type: 'control', calibrate?: true} & Partial<Controls>} Control
 * @typedef {{type: 'bye'}} Bye
 * @typedef {Hello | Offer | CandidateMessage | Control | Bye} ClientMessage
 */

/**
 * @typedef {object} Ready
 * @property {'ready'} type
 * @property {number} protocol
 * @property {string} session
 * @property {RTCIceServer[]} ice_servers
 * @property {VideoSize} video
 * @property {{name: string, notes: string[]}} picture
 * @property {Controls} controls
 */

/** @typedef {{type: 'answer', sdp: string}} Answer */
/** @typedef {{type: 'state', phase: Phase, progress: number, message: string | null}} State */

/**
 * @typedef {object} PictureStatus
 * @property {'picture-status'} type
 * @property {'preparing' | 'ready' | 'failed'} stage
 * @property {string} name
 * @property {number | null} width
 * @property {number | null} height
 * @property {string[]} notes
 * @property {string | null} message
 */

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
 * @property {Record<string, number>} memory_mb by kind
 */

/** @typedef {{type: 'error', code: string, message: string, fatal: boolean}} ServerError */
/** @typedef {{type: 'bye', reason: string}} ServerBye */
/** @typedef {Ready | Answer | CandidateMessage | State | PictureStatus | Stats | ServerError | ServerBye} ServerMessage */

/** @typedef {(value: unknown) => boolean} Check */

/** @type {Check} */ const text = (value) => typeof value === 'string';
/** @type {Check} */ const flag = (value) => typeof value === 'boolean';
/** @type {Check} */ const number = (value) => typeof value === 'number' && Number.isFinite(value);
/** @type {Check} */ const colour = (value) => typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value);
/** @param {number} low @param {number} high @returns {Check} */
const within = (low, high) => (value) => number(value) && Number(value) >= low && Number(value) <= high;
/** @param {...unknown} words @returns {Check} */
const oneOf = (...words) => (value) => words.includes(value);
/** @param {Check} check @returns {Check} */
const orNull = (check) => (value) => value === null || check(value);
/** @param {Check} check @returns {Check} */
const optional = (check) => (value) => value === undefined || check(value);
/** @param {Check} check @returns {Check} */
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** @param {Check} check @returns {Check} */
const mapOf = (check) => (value) => isRecord(value) && Object.values(value).every(check);
/** @param {Record<string, Check>} fields @returns {Check} */
const shape = (fields) => (value) => isRecord(value) && Object.keys(fields).every((name) => fields[name](value[name]));

const percentiles = shape({ p50: number, p95: number, p99: number });
const range = shape({ min: number, max: number });
const strength = within(0, 2);
const background = oneOf('original', 'blur', 'colour', 'transparent');
const controls = { head: strength, face: strength, body: strength, light: strength, teeth: flag, mirror: flag, background, colour, paused: flag };
const candidate = {
  candidate: orNull(text),
  sdpMid: optional(orNull(text)),
  sdpMLineIndex: optional(orNull(number)),
  usernameFragment: optional(text),
};

/** What the server may say, field by field. Fields that this page does not know are let through: the server may be newer. */
const FROM_SERVER = {
  ready: {
    protocol: oneOf(PROTOCOL),
    session: text,
    ice_servers: listOf(isRecord),
    video: shape({ width: number, height: number, fps: number }),
    picture: shape({ name: text, notes: listOf(text) }),
    controls: shape(controls),
  },
  answer: { sdp: text },
  candidate,
  state: {
    phase: oneOf('waiting', 'calibrating', 'live', 'lost', 'stalled', 'paused'),
    progress: within(0, 1),
    message: orNull(text),
  },
  'picture-status': {
    stage: oneOf('preparing', 'ready', 'failed'),
    name: text,
    width: orNull(number),
    height: orNull(number),
    notes: listOf(text),
    message: orNull(text),
  },
  stats: {
    fps: shape({ in: number, out: number }),
    latency_ms: percentiles,
    queue_age_ms: percentiles,
    stage_ms: mapOf(percentiles),
    drops: mapOf(number),
    bitrate_kbps: number,
    sessions: number,
    spread: shape({ fps: range, latency_ms: range }),
    memory_mb: mapOf(number),
  },
  error: { code: text, message: text, fatal: flag },
  bye: { reason: text },
};

/** What this page says. Nothing else is let out: the server refuses unknown fields. */
const FROM_PAGE = {
  hello: { protocol: oneOf(PROTOCOL), watch: optional(oneOf(true)) },
  offer: { sdp: text },
  candidate,
  control: {
    ...Object.fromEntries(Object.entries(controls).map(([name, check]) => [name, optional(check)])),
    calibrate: optional(oneOf(true)),
  },
  bye: {},
};

/**
 * The first field of `message` that breaks `table`, as a short phrase, or null where all is well.
 * @param {Record<string, Record<string, Check>>} table
 * @param {unknown} message
 * @returns {string | null}
 */
function fault(table, message) {
  if (!isRecord(message) || typeof message.type !== 'string' || !Object.hasOwn(table, message.type)) {
    return 'a message of an unknown type';
  }
  const fields = table[message.type];
  const wrong = Object.keys(fields).find((name) => !fields[name](message[name]));
  return wrong === undefined ? null : `${message.type}.${wrong}`;
}

/**
 * Reads one message from the server.
 * @param {string} json
 * @returns {ServerMessage}
 * @throws {Error} where it does not follow the protocol; the message names the field.
 */
export function parse(json) {
  /** @type {unknown} */
  let message;
  try {
    message = JSON.parse(json);
  } catch {
    throw new Error('The server sent something that is not JSON; reload the page.');
  }
  const wrong = fault(FROM_SERVER, message);
  if (wrong) {
    throw new Error(`The server and this page do not speak the same protocol (${wrong}); reload the page.`);
  }
  return /** @type {ServerMessage} */ (message);
}

/**
 * Writes one message to the server.
 * @param {ClientMessage} message
 * @returns {string} JSON
 * @throws {TypeError} for a message that the protocol does not have: a mistake in this page.
 */
export function serialise(message) {
  const wrong = fault(FROM_PAGE, message);
  if (wrong) {
    throw new TypeError(`not in the protocol: ${wrong}`);
  }
  const known = Object.keys(/** @type {Record<string, Record<string, Check>>} */ (FROM_PAGE)[message.type]);
  const strange = Object.keys(message).find((name) => name !== 'type' && !known.includes(name));
  if (strange) {
    throw new TypeError(`not in the protocol: ${message.type}.${strange}`);
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
