// @ts-check
/** The picture on the stage while a page begins: what the load before has handed over, or what the server was started with. */

import { html, image, setSource } from './dom.js';
import { address } from './server.js';

const KEY = 'kagami-shown'; // in sessionStorage
const MAX_SIDE = 640; // pixels

/** @typedef {{url: string, size: {width: number, height: number}}} Shown url: of a picture in this page's memory; size: of the avatar */

/**
 * Keeps what the stage shows until the next load of this tab.
 * @param {{width: number, height: number}} size of the avatar
 */
export function saveShown(size) {
  const still = image('still');
  const { naturalWidth, naturalHeight } = still;
  if (!still.complete || naturalWidth === 0) {
    return;
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(naturalWidth, naturalHeight));
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(naturalWidth * scale);
  canvas.height = Math.ceil(naturalHeight * scale);
  canvas.getContext('2d')?.drawImage(still, 0, 0, canvas.width, canvas.height);
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ data: canvas.toDataURL('image/webp', 0.85), size }));
  } catch {
    // Without storage, or where it is full, the stage is empty for a moment.
  }
}

/** @returns {Shown | null} what the load before has saved, once */
export function takeShown() {
  try {
    const { data, size } = JSON.parse(sessionStorage.getItem(KEY) ?? '');
    sessionStorage.removeItem(KEY);
    const [, type, base64] = /^data:(image\/\w+);base64,(.+)$/.exec(data) ?? [];
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return { url: URL.createObjectURL(new Blob([bytes], { type })), size: { width: Number(size.width), height: Number(size.height) } };
  } catch {
    return null;
  }
}

/**
 * Shows it before the rest of the page has come.
 * @param {Shown | null} before what the load before has saved
 */
export function showAtOnce(before) {
  const still = image('still');
  if (before) {
    const { width, height } = before.size;
    html('stage').style.setProperty('--picture-width', String(width));
    html('stage').style.setProperty('--picture-height', String(height));
  }
  setSource(still, before?.url ?? address('api/picture').href);
  still.hidden = false;
}
