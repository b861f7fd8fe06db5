// @ts-check
/** The reference picture: chosen, dropped or pasted, checked here first, sent to the server, and sent again to a new session. */

import { address } from './server.js';
import { PictureError, upload, validate } from './upload.js';
import { CharacterViews } from './views.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./protocol.js').PictureStatus} PictureStatus */
/** @typedef {import('./protocol.js').Ready} Ready */
/** @typedef {import('./store.js').Store} Store */

const DEFAULT_MAX_MEGABYTES = 20; // until /api/config has answered

/**
 * The first picture in what was dropped or pasted, or null.
 * @param {DataTransfer | null} transfer
 * @returns {File | null}
 */
export function fromTransfer(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find(({ type }) => type.startsWith('image/')) ?? files[0] ?? null;
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
    this.views = new CharacterViews(store, this);
  }

  /** Name of the picture or view that is being prepared; null without. */
  get pendingName() {
    return this.uploading?.name ?? this.views.pendingName;
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
    if (file) {
      this.views.forget();
      await this.#use(file);
    }
  }

  /** @param {File} file */
  async #use(file) {
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
    const busy = this.pendingName;
    if (busy !== null) {
      throw new PictureError(`${busy} is being prepared: wait a moment, then give ${file.name}.`);
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
    await upload('api/picture', this.session, file);
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
    this.views.handleReady(picture.views);
    if (this.queued) {
      this.views.forget();
    }
    this.queued = null;
    if (file) {
      this.connection.holdOffers();
      void this.#use(file);
    } else {
      const { width, height } = video;
      const { name, notes } = picture;
      this.store.set({ size: { width, height }, picture: { ...this.store.state.picture, name, notes } });
      this.views.addQueued();
    }
  }

  /** An upload ends with its connection; a queued picture stays. */
  handleConnectionLost() {
    this.store.set({ reframing: false });
    if (!this.queued) {
      this.#clearPending();
    }
    this.views.cancel();
  }

  /** @param {PictureStatus} status */
  handleStatus(status) {
    const { width, height } = status;
    const { pendingName } = this.views;
    if (status.stage === 'framing' || status.stage === 'framed') {
      this.store.set({ reframing: status.stage === 'framing', ...(width && height ? { size: { width, height } } : {}) });
    } else if (status.stage === 'failed' && pendingName !== null) {
      this.views.handleEnd(status.message ?? `${pendingName} could not be used: choose another picture.`);
    } else if (status.stage === 'failed') {
      this.#fail(status.message ?? `${status.name} could not be used: choose another picture.`);
    } else if (status.stage === 'ready') {
      const { picture } = this.store.state;
      const url = picture.pending?.url ?? picture.url;
      if (picture.pending && picture.url.startsWith('blob:')) {
        URL.revokeObjectURL(picture.url);
      }
      const replaced = this.uploading;
      this.accepted = replaced ?? this.accepted;
      this.uploading = null;
      const { name, notes } = status;
      this.store.set({
        picture: { ...picture, name, url, notes, pending: null, justReady: true },
        ...(width && height ? { size: { width, height } } : {}),
      });
      if (pendingName !== null) {
        this.views.handleEnd(null);
      } else if (replaced) {
        this.views.handlePicture();
      }
      this.connection.releaseOffers();
    }
  }
}
