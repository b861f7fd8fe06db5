// @ts-check
/** Requests that change the pictures of a session; their progress comes as `picture-status` over the WebSocket. */

import { FORMATS, mayBePicture } from './picture_formats.js';
import { address } from './server.js';

/** A picture that cannot be used: `message` says why and what to do. */
export class PictureError extends Error {
  /**
   * @param {string} message
   * @param {string | null} code of the server
   */
  constructor(message, code = null) {
    super(message);
    /** What a notice of it is about; `busy` ends with the preparation that is going on. */
    this.about = code === 'busy' ? 'busy' : 'picture';
  }
}

/**
 * Refuses what the server would refuse, before it is sent.
 * @param {File} file
 * @param {number} maxMegabytes
 * @throws {PictureError}
 */
export function validate(file, maxMegabytes) {
  if (!mayBePicture(file)) {
    throw new PictureError(`${file.name} is not a picture that can be used: choose a ${FORMATS} file.`);
  }
  if (file.size > maxMegabytes * 1e6) {
    throw new PictureError(`${file.name} is larger than ${maxMegabytes} MB: choose a smaller picture.`);
  }
}

/**
 * Sends a picture to a session, or only its hash where the session has prepared it before.
 * @param {'api/picture' | 'api/view'} path
 * @param {string} session
 * @param {File} file
 * @param {Record<string, string>} options further parameters, with `name` for the name that the server shows
 * @param {boolean} isKnown whether the session has prepared it before
 * @throws {PictureError}
 */
export async function upload(path, session, file, options, isKnown) {
  const url = address(path);
  url.searchParams.set('session', session);
  url.searchParams.set('name', file.name);
  Object.entries(options).forEach(([name, value]) => url.searchParams.set(name, value));
  if (isKnown && await isKept(url, file)) {
    return;
  }
  await request(url, { method: 'PUT', body: file, headers: { 'Content-Type': file.type } }, file.name);
}

/**
 * Has the session use a picture that it prepared before.
 * @param {URL} upload address of the upload in place of which this stands
 * @param {File} file
 * @returns {Promise<boolean>} false where the server does not keep it any more
 */
async function isKept(upload, file) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  const url = new URL(upload);
  url.searchParams.set('sha256', [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
  const response = await fetch(url, { method: 'POST' }).catch(() => null);
  return response?.ok ?? false;
}

/**
 * Gives a session hand-placed points.
 * @param {string} session
 * @param {'used' | 'refused' | 'next'} which picture they belong to: the one in use, the last without a face, the next upload
 * @param {string} points JSON as in docs/points.md
 * @param {string} name of the picture, for messages
 * @throws {PictureError}
 */
export async function sendPoints(session, which, points, name) {
  const url = address('api/points');
  url.searchParams.set('session', session);
  url.searchParams.set('which', which);
  await request(url, { method: 'PUT', body: points, headers: { 'Content-Type': 'application/json' } }, name);
}

/**
 * Has the session use the picture again that it began with.
 * @param {string} session
 * @param {string} name of the picture, for messages
 * @throws {PictureError}
 */
export async function changeToStart(session, name) {
  const url = address('api/picture');
  url.searchParams.set('session', session);
  await request(url, { method: 'DELETE' }, name);
}

/**
 * Takes a view away from a session's character.
 * @param {string} session
 * @param {number} index 0 for the first
 * @param {string} name of the view, for messages
 * @throws {PictureError}
 */
export async function removeView(session, index, name) {
  const url = address('api/view');
  url.searchParams.set('session', session);
  url.searchParams.set('index', String(index));
  await request(url, { method: 'DELETE' }, name);
}

/**
 * Sends a request, and raises the server's sentence where it is refused.
 * @param {URL} url
 * @param {RequestInit} options
 * @param {string} name of the file that it is about
 * @returns {Promise<Response>}
 * @throws {PictureError}
 */
export async function request(url, options, name) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new PictureError(`${name} did not reach the server: check the connection and try again.`);
  }
  if (!response.ok) {
    /** @type {{message?: string, code?: string}} */
    const { message, code } = await response.json().catch(() => ({}));
    throw new PictureError(message ?? `The server did not take ${name} (${response.status}): try another.`, code);
  }
  return response;
}
