// @ts-check
/** What is taken from the stage: a picture of the avatar, and a window that shows it alone. */

import { save } from './recorder.js';
import { isLocal } from './server.js';

/** @typedef {import('./store.js').Store} Store */

/**
 * Saves the present frame as PNG, at the avatar's own size, with alpha where its background is transparent.
 * @param {Store} store
 * @param {HTMLVideoElement | HTMLCanvasElement} shown what shows the avatar
 */
export async function saveSnapshot(store, shown) {
  if (store.state.live !== 'live') {
    return;
  }
  const { width, height } = store.state.size;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  canvas.getContext('2d')?.drawImage(shown, 0, 0, width, height);
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ done) => canvas.toBlob(done, 'image/png'));
  if (!blob) {
    store.notify({ kind: 'error', about: 'snapshot', text: 'The picture could not be taken: try again.' });
    return;
  }
  const name = `kagami-${new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-')}.png`;
  save(blob, name);
  store.notify({ kind: 'info', about: 'snapshot', text: `The picture is saved as ${name}.` });
}

/**
 * Opens the output view in a window of the avatar's size; a notice says why where it cannot be.
 * @param {Store} store
 * @param {string} [hostname] of the page
 */
export function openOutputWindow(store, hostname = location.hostname) {
  if (!isLocal(hostname)) {
    const text = 'The output window opens only on the computer that Kagami runs on: open the page there as localhost.';
    store.notify({ kind: 'error', about: 'output', text });
    return;
  }
  const { width, height } = store.state.size;
  const url = new URL(location.href);
  url.searchParams.set('view', 'output');
  url.hash = '';
  if (!window.open(url, 'kagami-output', `popup,width=${width},height=${height}`)) {
    const text = 'The browser blocked the output window: allow pop-ups for this page, then try again.';
    store.notify({ kind: 'error', about: 'output', text });
  }
}
