// @ts-check
/** The one state of the page, and the part of it that is remembered from visit to visit. */

/** @typedef {import('./protocol.js').Controls} Controls */
/** @typedef {import('./protocol.js').Phase} Phase */
/** @typedef {import('./protocol.js').Stats} Stats */
/** @typedef {import('./meter.js').Reading} Reading */

/**
 * A sentence over the page. `about` names what it is about, so that it goes when that is well again.
 * @typedef {object} Notice
 * @property {'error' | 'info'} kind
 * @property {string} text
 * @property {string} about
 * @property {{label: string, run: () => void}} [action]
 */

/**
 * @typedef {object} Picture
 * @property {string} name of the picture that is worn
 * @property {string} url of its still
 * @property {string[]} notes
 * @property {{name: string, url: string} | null} next the one being prepared
 * @property {boolean} fresh a switch has just been done
 */

/**
 * @typedef {object} State
 * @property {'connecting' | 'open' | 'lost' | 'refused'} link to the server
 * @property {'idle' | 'starting' | 'live'} live
 * @property {boolean} frozen live, and the media are away
 * @property {Phase | null} phase
 * @property {number} progress of the calibration 0..1
 * @property {string | null} phaseMessage
 * @property {{width: number, height: number}} size of the avatar
 * @property {boolean} stacked frames carry their alpha below the picture
 * @property {{id: string, label: string}[]} cameras
 * @property {string} camera id; '' the browser's choice
 * @property {boolean} showSelf
 * @property {boolean} hasPreview
 * @property {boolean} microphone
 * @property {Controls} controls
 * @property {Picture} picture
 * @property {Notice | null} notice
 * @property {number | null} recordingSince ms
 * @property {boolean} full screen
 * @property {boolean} dropping a file hovers over the page
 * @property {Stats | null} stats
 * @property {Reading | null} reading
 * @property {readonly number[]} fps of the last minute
 */

/** @returns {State} */
export const initialState = () => ({
  link: 'connecting',
  live: 'idle',
  frozen: false,
  phase: null,
  progress: 0,
  phaseMessage: null,
  size: { width: 512, height: 512 },
  stacked: false,
  cameras: [],
  camera: '',
  showSelf: true,
  hasPreview: false,
  microphone: false,
  controls: { head: 1, face: 1, body: 1, light: 1, teeth: true, mirror: true, background: 'original', colour: '#00b140', paused: false },
  picture: { name: '', url: '', notes: [], next: null, fresh: false },
  notice: null,
  recordingSince: null,
  full: false,
  dropping: false,
  stats: null,
  reading: null,
  fps: [],
});

const KEY = 'kagami';

/** @typedef {{camera?: string, showSelf?: boolean, controls?: Partial<Controls>}} Saved */

/** @returns {Saved} what was remembered; nothing where storage is off or was tampered with. */
export function remembered() {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof saved === 'object' && saved !== null ? saved : {};
  } catch {
    return {};
  }
}

/** @param {Saved} changes */
export function remember(changes) {
  const before = remembered();
  const controls = { ...before.controls, ...changes.controls };
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...before, ...changes, controls }));
  } catch {
    // Private windows may have no storage: the page works without.
  }
}
