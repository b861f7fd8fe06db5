// @ts-check
/** The reference picture: chosen, dropped or pasted, checked here first, sent to the server, and sent again to a new session. */

import { address } from './server.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./protocol.js').PictureStatus} PictureStatus */
/** @typedef {import('./protocol.js').Ready} Ready */
/** @typedef {import('./store.js').Store} Store */

const MIME_TYPES = ['image/png', 'image/jpeg', 'image/webp'];
const DEFAULT_MAX_MEGABYTES = 20; // until /api/config has answered

/** A picture that cannot be used: `message` says why and what to do. */
class PictureError extends Error {}

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
 * Refuses what the server would refuse, before it is sent.
 * @param {File} file
 * @param {number} maxMegabytes
 * @throws {PictureError}
 */
function validate(file, maxMegabytes) {
  if (!MIME_TYPES.includes(file.type)) {
    throw new PictureError(`${file.name} is not a picture that can be used: choose a PNG, JPEG or WebP file.`);
  }
  if (file.size > maxMegabytes * 1e6) {
    throw new PictureError(`${file.name} is larger than ${maxMegabytes} MB: choose a smaller picture.`);
  }
}

/**
 * Sends a picture to a session; its progress comes as `picture-status` over the WebSocket.
 * @param {string} session
 * @param {File} file
 * @throws {PictureError}
 */
async function upload(session, file) {
  const url = address('api/picture');
  url.searchParams.set('session', session);
  url.searchParams.set('name', file.name);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { method: 'PUT', body: file, headers: { 'Content-Type': file.type } });
  } catch {
    throw new PictureError(`${file.name} did not reach the server: check the connection and try again.`);
  }
  if (!response.ok) {
    /** @type {{message?: string}} */
    const answer = await response.json().catch(() => ({}));
    throw new PictureError(answer.message ?? `The server did not take ${file.name} (${response.status}): try another.`);
  }
}

/** The reference picture of this page's sessions, of which `state.picture` is the visible part. */
export class ReferencePicture {
  /**
   * @param {Store} store
   * @param {Connection} connection
   */
  constructor(store, connection) {
    this.store = store;
    this.connection = connection;
    this.maxMegabytes = DEFAULT_MAX_MEGABYTES;
    /** Name of the server's present session; uploads go to it. */
    this.session = '';
    /** The last upload that the server could use, to be sent again to a new session. @type {File | null} */
    this.accepted = null;
    /** Sent, and not ready yet. @type {File | null} */
    this.uploading = null;
    /** Chosen while there was no connection; sent once there is one. @type {File | null} */
    this.queued = null;
  }

  /** Shows the picture that the server was started with. */
  showDefault() {
    this.store.set({ picture: { ...this.store.state.picture, url: address('api/picture').href } });
  }

  /**
   * Switches the avatar to this picture; a notice says why where it cannot be used.
   * @param {File | null} file null: nothing was chosen
   */
  async usePicture(file) {
    if (!file) {
      return;
    }
    this.store.dismiss('picture');
    try {
      validate(file, this.maxMegabytes);
      await this.#send(file);
    } catch (error) {
      this.#fail(error instanceof PictureError ? error.message : String(error));
    }
  }

  /** @param {File} file */
  async #send(file) {
    if (this.uploading) {
      throw new PictureError(`${this.uploading.name} is being prepared: wait a moment, then give ${file.name}.`);
    }
    this.#clearPending();
    const { picture } = this.store.state;
    const pending = { name: file.name, url: URL.createObjectURL(file) };
    this.store.set({ picture: { ...picture, pending, justReady: false } });
    if (!this.connection.ready) {
      this.queued = file;
      return;
    }
    this.uploading = file;
    await upload(this.session, file);
  }

  /** @param {string} text */
  #fail(text) {
    this.#clearPending();
    this.store.notify({ kind: 'error', about: 'picture', text });
    this.connection.releaseOffers();
  }

  #clearPending() {
    const { picture } = this.store.state;
    if (picture.pending) {
      URL.revokeObjectURL(picture.pending.url);
    }
    this.uploading = null;
    this.store.set({ picture: { ...picture, pending: null } });
  }

  /**
   * A new session uses the server's own picture: this page's picture, if there is one, is sent before the offer.
   * @param {Ready} ready
   */
  handleReady({ session, video, picture }) {
    this.session = session;
    const file = this.queued ?? this.accepted;
    this.queued = null;
    if (file) {
      this.connection.holdOffers();
      void this.usePicture(file);
    } else {
      const { width, height } = video;
      const { name, notes } = picture;
      this.store.set({ size: { width, height }, picture: { ...this.store.state.picture, name, notes } });
    }
  }

  /** An upload ends with its connection; a queued picture stays. */
  handleConnectionLost() {
    this.store.set({ reframing: false });
    if (!this.queued) {
      this.#clearPending();
    }
  }

  /** @param {PictureStatus} status */
  handleStatus(status) {
    const { width, height } = status;
    if (status.stage === 'framing' || status.stage === 'framed') {
      this.store.set({ reframing: status.stage === 'framing', ...(width && height ? { size: { width, height } } : {}) });
    } else if (status.stage === 'failed') {
      this.#fail(status.message ?? `${status.name} could not be used: choose another picture.`);
    } else if (status.stage === 'ready') {
      const { picture } = this.store.state;
      const url = picture.pending?.url ?? picture.url;
      if (picture.pending && picture.url.startsWith('blob:')) {
        URL.revokeObjectURL(picture.url);
      }
      this.accepted = this.uploading ?? this.accepted;
      this.uploading = null;
      const { name, notes } = status;
      this.store.set({
        picture: { name, url, notes, pending: null, justReady: true },
        ...(width && height ? { size: { width, height } } : {}),
      });
      this.connection.releaseOffers();
    }
  }
}
