// @ts-check
/** Pictures that people bring: from the file dialog, dropped, or pasted; checked here first, then sent to the server. */

const TYPES = ['image/png', 'image/jpeg', 'image/webp'];

/** A picture that cannot be used: `message` says why and what to do. */
export class PictureError extends Error {}

/**
 * The first picture in what was dropped or pasted, or null.
 * @param {DataTransfer | null} transfer
 * @returns {File | null}
 */
export function fromTransfer(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find(({ type }) => type.startsWith('image/')) ?? files[0] ?? null;
}

/**
 * Refuses what the server would refuse anyway, before it is sent.
 * @param {File} file
 * @param {number} maxMegabytes
 * @throws {PictureError}
 */
export function check(file, maxMegabytes) {
  if (!TYPES.includes(file.type)) {
    throw new PictureError(`${file.name} is not a picture that can be used: choose a PNG, JPEG or WebP file.`);
  }
  if (file.size > maxMegabytes * 2 ** 20) {
    throw new PictureError(`${file.name} is larger than ${maxMegabytes} MB: choose a smaller picture.`);
  }
}

/**
 * Sends a picture to a session; its progress comes as `picture-status` over the WebSocket.
 * @param {URL} url of /api/picture
 * @param {string} session
 * @param {File} file
 * @throws {PictureError}
 */
export async function upload(url, session, file) {
  const target = new URL(url);
  target.searchParams.set('session', session);
  target.searchParams.set('name', file.name);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(target, { method: 'PUT', body: file, headers: { 'Content-Type': file.type } });
  } catch {
    throw new PictureError(`${file.name} did not reach the server: check the connection and try again.`);
  }
  if (!response.ok) {
    /** @type {{message?: string}} */
    const answer = await response.json().catch(() => ({}));
    throw new PictureError(answer.message ?? `The server did not take ${file.name} (${response.status}): try another.`);
  }
}
