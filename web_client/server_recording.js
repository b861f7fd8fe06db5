// @ts-check
/** That the server records, which whoever is before the camera has a right to know: before the start, and while it does. */

import { html } from './dom.js';

/** @param {import('./state.js').State} state */
export function renderServerRecording({ live, recorded, serverRecords }) {
  html('server-records').hidden = !serverRecords;
  html('server-recording').hidden = live === 'idle' || !recorded;
}
