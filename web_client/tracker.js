// @ts-check
/** The row "Tracker": what arrives from the trackers of other programs, which move the character in place of the camera. */

import { html, input } from './dom.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./sources.js').Words} Words */
/** @typedef {import('./state.js').State} State */

const MOST_A_SECOND = 60; // poses, which fill the meter

/** Whether a tracker moves the character of this page. @param {State} state */
export const isTracked = ({ live, stats, controls }) => live === 'live' && !controls.paused && stats?.tracker?.kind === 'drives';

/** @param {State} state @returns {Words} */
function trackerWords({ live, stats, controls, trackers }) {
  const tracker = live === 'live' ? stats?.tracker : null;
  if (!controls.tracker) return { kind: 'off', words: 'Off' };
  if (live === 'idle') return { kind: 'off', words: 'Listens when you start' };
  if (!tracker) return { kind: 'wait', words: 'Opens…' };
  if (controls.paused) return { kind: 'off', words: 'Paused' };
  if (tracker.kind === 'drives') return { kind: 'well', words: `${tracker.program}, ${tracker.per_second} times a second` };
  if (tracker.kind === 'elsewhere') return { kind: 'off', words: 'Moves another page: switch it on to have it here' };
  const ports = trackers.map(({ port }) => port).join(' / ');
  return { kind: 'wait', words: `No data arrives at port ${ports}: start the tracker and give it this computer’s address` };
}

/** @param {App} app */
export function bindTracker(app) {
  const tracker = input('tracker-on');
  tracker.addEventListener('change', () => app.controls.change({ tracker: tracker.checked }));
}

/**
 * @param {State} state
 * @param {(name: string, isOn: boolean, words: Words) => void} renderSource
 */
export function renderTracker(state, renderSource) {
  const { stats, controls, trackers, live } = state;
  const kind = live === 'live' ? stats?.tracker?.kind : undefined;
  html('tracker-source').hidden = trackers.length === 0;
  renderSource('tracker', controls.tracker && kind !== 'elsewhere', trackerWords(state));
  html('tracker-level').hidden = kind !== 'drives';
  const level = kind === 'drives' ? Math.min((stats?.tracker?.per_second ?? 0) / MOST_A_SECOND, 1) : 0;
  html('tracker-level').style.setProperty('--level', level.toFixed(3));
}
