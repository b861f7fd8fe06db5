// @ts-check
/** Requests that change the pictures of a session; their progress comes as `picture-status` over the WebSocket. */

import { address } from './server.js';

const MIME_TYPES = ['image/png', 'image/jpeg', 'image/webp'];

/** A picture that cannot be used: `message` says why and what to do. */
export class PictureError extends Error {}

/**
 * Refuses what the server would refuse, before it is sent.
 * @param {File} file
 * @param {number} maxMegabytes
 * @throws {PictureError}
 */
export function validate(file, maxMegabytes) {
  if (!MIME_TYPES.includes(file.type)) {
    throw new PictureError(`${file.name} is not a picture that can be used: choose a PNG, JPEG or WebP file.`);
  }
  if (file.size > maxMegabytes * 1e6) {
    throw new PictureError(`${file.name} is larger than ${maxMegabytes} MB: choose a smaller picture.`);
  }
}

/**
 * Sends a picture to a session.
 * @param {'api/picture' | 'api/view'} path
 * @param {string} session
 * @param {File} file
 * @throws {PictureError}
 */
export async function upload(path, session, file) {
  const url = address(path);
  url.searchParams.set('session', session);
  url.searchParams.set('name', file.name);
  await request(url, { method: 'PUT', body: file, headers: { 'Content-Type': file.type } }, file.name);
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
 * @param {URL} url
 * @param {RequestInit} options
 * @param {string} name of the picture
 * @throws {PictureError}
 */
async function request(url, options, name) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new PictureError(`${name} did not reach the server: check the connection and try again.`);
  }
  if (!response.ok) {
    /** @type {{message?: string}} */
    const answer = await response.json().catch(() => ({}));
    throw new PictureError(answer.message ?? `The server did not take ${name} (${response.status}): try another.`);
  }
}
