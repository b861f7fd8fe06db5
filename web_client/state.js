// @ts-check
/** The type of the page's state, and the settings that are kept in localStorage from visit to visit. */

import { DEFAULT_RESOLUTION } from './media_devices.js';

/** @typedef {import('./media_devices.js').Resolution} Resolution */
/** @typedef {import('./messages.js').Controls} Controls */
/** @typedef {import('./messages.js').Phase} Phase */
/** @typedef {import('./messages.js').Stats} Stats */
/** @typedef {import('./meter.js').Reading} Reading */
/** @typedef {import('./calibration.js').Calibration} Calibration */
/** @typedef {import('./recorder.js').Recording} Recording */

/**
 * A sentence on top of the page. `about` names its subject, so that it is dismissed once the subject is well again.
 * @typedef {object} Notice
 * @property {'error' | 'info'} kind
 * @property {string} text
 * @property {string} about
 * @property {boolean} [stays] of an `info`: until it is dismissed, as an error does
 * @property {{label: string, run: () => void}} [action]
 */

/**
 * @typedef {object} Picture
 * @property {string | null} key of the picture in use on the shelf
 * @property {string} name of the picture in use
 * @property {string} url of the picture in use
 * @property {string} thumbnail address of the head in it
 * @property {string[]} notes of the server about it: sentences to show
 * @property {{name: string, url: string, thumbnail: string} | null} pending the picture that is being prepared
 * @property {{name: string, url: string, pending: boolean}[]} views of the same character; pending: being added or taken away
 * @property {number} people how many the picture shows
 * @property {string} person who of them is animated
 * @property {import('./messages.js').HeadBox[]} heads of all of them, from left to right
 * @property {number | null} chosen number of who is animated, 0 the leftmost; null: all
 */

/**
 * @typedef {object} ShelfState
 * @property {{key: string, name: string, url: string, own: boolean}[]} choices url: of a small picture; own: kept here
 * @property {boolean} isLoading whether more of them may come
 * @property {boolean} isKept whether pictures outlast this page
 * @property {boolean} samplesShown
 * @property {boolean} editing
 */

/**
 * @typedef {object} Capture
 * @property {Resolution} resolution of the camera that is asked for
 * @property {{id: string, label: string}[]} microphones
 * @property {string} microphone device id; '' for the browser's choice
 * @property {boolean} isChecking whether the camera is open before the start, for its owner alone
 * @property {boolean} isListening whether the microphone is open before the start, to show its level
 * @property {string[]} words about the camera's picture, before the start
 */

/** Why a device does not open. @typedef {'blocked' | 'missing' | 'busy' | 'insecure' | 'failed'} Trouble */

/**
 * What moves the character: what is switched on, and how it is with it.
 * @typedef {object} Sources
 * @property {boolean} camera whether its picture is sent while live
 * @property {boolean} microphone whether its sound is
 * @property {boolean} mood whether the words act
 * @property {Trouble | null} cameraTrouble
 * @property {Trouble | null} microphoneTrouble
 * @property {boolean} muted whether the open microphone gives no sound, by a key of its own or by the system
 * @property {boolean} isLoud whether it brings sound
 */

/**
 * @typedef {object} State
 * @property {'connecting' | 'open' | 'lost' | 'refused'} link state of the WebSocket
 * @property {'idle' | 'starting' | 'live'} live `live` from the first avatar frame
 * @property {boolean} mediaLost live, and the peer connection is not connected
 * @property {Phase | null} phase of the server's session; null until it is known
 * @property {number} progress of the calibration, 0..1
 * @property {string | null} phaseMessage the server's sentence about the phase
 * @property {number} people before the camera
 * @property {boolean} speaks whether the server hears a voice
 * @property {boolean} recorded whether the server writes avatar and sound of this session to a file
 * @property {boolean} serverRecords whether it does so with every session that is the newest
 * @property {{width: number, height: number}} size of the avatar in pixels
 * @property {boolean} stacked whether frames carry their alpha below the picture
 * @property {{id: string, label: string}[]} cameras
 * @property {string} camera device id; '' for the browser's choice
 * @property {Sources} sources
 * @property {boolean} showSelf whether the camera preview is wanted
 * @property {boolean} hasPreview whether there is a camera to preview
 * @property {boolean} shortcuts whether single keys are shortcuts
 * @property {boolean} microphone whether the microphone is on
 * @property {Capture} capture
 * @property {Controls} controls
 * @property {boolean} reframing whether the server prepares the picture for a changed frame
 * @property {Picture} picture
 * @property {ShelfState} shelf
 * @property {import('./acts.js').ActsState} acts
 * @property {import('./mood.js').MoodState} mood
 * @property {import('./background.js').OwnBackground | null} ownBackground
 * @property {import('./film.js').Film | null} film of a clip
 * @property {readonly {kind: string, port: number}[]} trackers of other programs that the server receives, and where
 * @property {number} filmMinutes length that the clip of a film may have; 0: the server makes none
 * @property {import('./presets.js').Presets} presets kept on this device
 * @property {string} preset name of the one that was chosen last; '' for none
 * @property {Notice | null} notice
 * @property {Recording | null} recording null: none is wanted
 * @property {Calibration | null} calibration that was asked for here; null: none
 * @property {boolean} fullScreen
 * @property {'picture' | 'clip' | 'unknown' | null} dragging what is dragged over the page; unknown: the browser does not tell, or it is neither
 * @property {Stats | null} stats
 * @property {Reading | null} reading this page's own measurements
 * @property {readonly number[]} fps shown in each second of the last minute, newest last
 */

/** @returns {State} */
export const initialState = () => ({
  link: 'connecting',
  live: 'idle',
  mediaLost: false,
  phase: null,
  progress: 0,
  phaseMessage: null,
  people: 0,
  speaks: false,
  recorded: false,
  serverRecords: false,
  size: { width: 512, height: 512 },
  stacked: false,
  cameras: [],
  camera: '',
  sources: { camera: true, microphone: false, mood: true, cameraTrouble: null, microphoneTrouble: null, muted: false, isLoud: false },
  showSelf: true,
  hasPreview: false,
  shortcuts: true,
  microphone: false,
  capture: { resolution: DEFAULT_RESOLUTION, microphones: [], microphone: '', isChecking: false, isListening: false, words: [] },
  controls: {
    head: 1, face: 1, body: 1, light: 1, eyes: 1, brows: 1, mouth: 1, hands: 1, voice: 0, tracker: true, smoothing: 1, follow_body: true,
    yaw: 0, pitch: 0, roll: 0, gaze_x: 0, gaze_y: 0,
    shoulders: 1, torso: 1, arms: 1, legs: 1, teeth: true, mirror: true, background: 'original', colour: '#00b140', frame: 'whole', aspect: 'picture', zoom: 1, shift_x: 0, shift_y: 0, keep_in_frame: true, who: 'largest', speed: 'balanced', paused: false,
  },
  reframing: false,
  picture: { key: null, name: '', url: '', thumbnail: '', notes: [], pending: null, views: [], people: 1, person: 'largest', heads: [], chosen: null },
  shelf: { choices: [], isLoading: true, isKept: true, samplesShown: true, editing: false },
  acts: { on: [], byPrograms: [], own: {}, measuring: null },
  mood: { text: '', isOwn: false, isRead: false, understood: [], unknown: [] },
  notice: null,
  recording: null,
  calibration: null,
  fullScreen: false,
  dragging: null,
  ownBackground: null,
  film: null,
  trackers: [],
  filmMinutes: 10,
  presets: {},
  preset: '',
  stats: null,
  reading: null,
  fps: [],
});

const STORAGE_KEY = 'kagami';

/** @typedef {'system' | 'light' | 'dark'} Theme */
/** @typedef {{camera?: string, sources?: Partial<Pick<Sources, 'camera' | 'microphone' | 'mood'>>, mood?: string, resolution?: Resolution, microphone?: string, showSelf?: boolean, shortcuts?: boolean, samplesShown?: boolean, theme?: Theme, language?: 'auto' | import('./i18n.js').Language, faces?: Record<string, import('./messages.js').Face>, controls?: Partial<Controls>}} Saved */

/** @returns {Saved} the kept settings; empty where there is no storage, or something else in it. */
export function remembered() {
  try {
    const saved = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    return typeof saved === 'object' && saved !== null ? saved : {};
  } catch {
    return {};
  }
}

/**
 * Keeps these settings, beside those kept before.
 * @param {Saved} changes
 */
export function remember(changes) {
  const before = remembered();
  const controls = { ...before.controls, ...changes.controls };
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify({ ...before, ...changes, controls }));
  } catch {
    // A private window may have no storage; the settings then last as long as the page.
  }
}
