// @ts-check
/** What the page shows of the reference picture: while it is prepared, and when it is in use. */

import { image } from './dom.js';
import { address } from './server.js';

/** @typedef {import('./picture.js').Character} Character */
/** @typedef {import('./picture.js').ReferencePicture} ReferencePicture */
/** @typedef {import('./shown_before.js').Shown} Shown */
/** @typedef {import('./store.js').Store} Store */

export class ShownPicture {
  /**
   * @param {Store} store
   * @param {ReferencePicture} picture
   */
  constructor(store, picture) {
    this.store = store;
    this.picture = picture;
    /** Number of changes of the character, which makes addresses of pictures new, so that the browser asks again. */
    this.changes = 0;
    /** Whether the stage shows what it did before this page was loaded again, until what is in use is known. */
    this.isFromBefore = false;
    /** Whether what was worn then may be yet to come. */
    this.isRestoring = true;
  }

  /** @param {Shown} shown on the stage before this page was loaded again */
  showBefore({ url, size }) {
    this.#show(url, '');
    this.store.set({ size });
    this.isFromBefore = true;
  }

  /** What was worn before this page was loaded again is on its way, or nothing is. */
  endRestoring() {
    this.isRestoring = false;
    this.#replaceBefore();
  }

  #replaceBefore() {
    if (this.isFromBefore && this.picture.session !== '') {
      this.showDefault();
    }
  }

  /** The character was changed: pictures of it are fetched anew. */
  renew() {
    this.changes += 1;
  }

  /** Shows the picture that the server was started with, unless what was worn before is coming back. */
  showDefault() {
    const { queued, coming } = this.picture;
    if (!this.isFromBefore || !(this.isRestoring || queued || coming)) {
      this.#show(address('api/picture').href, address('api/thumbnail').href);
    }
  }

  /** Shows the picture that the session uses. */
  showUsed() {
    this.#show(this.#address('api/picture').href, this.thumbnailAddress(0));
  }

  /** @param {string} url @param {string} thumbnail */
  #show(url, thumbnail) {
    if (this.isFromBefore) {
      this.isFromBefore = false;
      URL.revokeObjectURL(this.store.state.picture.url);
    }
    this.store.merge('picture', { url, thumbnail });
  }

  /**
   * Shows a picture as the one that is being prepared.
   * @param {Character} character
   */
  showPending({ name, file, thumbnail }) {
    this.clearPending();
    const url = file ? URL.createObjectURL(file) : address('api/picture').href;
    this.store.merge('picture', { pending: { name, url, thumbnail: thumbnail || url } });
  }

  /** Nothing is being prepared any more. */
  clearPending() {
    const { picture } = this.store.state;
    if (picture.pending?.url.startsWith('blob:')) {
      URL.revokeObjectURL(picture.pending.url);
    }
    this.store.set({ picture: { ...picture, pending: null } });
    this.#replaceBefore();
  }

  /** The browser cannot show the file that is being prepared, as of .heic: the former picture stays until then. */
  handleUnshown() {
    const { picture } = this.store.state;
    if (picture.pending) {
      const { url, thumbnail } = picture;
      this.store.set({ picture: { ...picture, pending: { ...picture.pending, url, thumbnail } } });
    } else {
      image('thumb').removeAttribute('src'); // the server is away: an empty place, and it is asked again with the next change
    }
  }

  /**
   * Address of the head in a picture of the session's character.
   * @param {number} index 0: the picture itself, 1: its first view
   */
  thumbnailAddress(index) {
    const url = this.#address('api/thumbnail');
    url.searchParams.set('index', String(index));
    return url.href;
  }

  /**
   * Address of the server's version of the session's picture: upright, and in a format that every browser shows.
   * @param {string} path
   */
  #address(path) {
    const url = address(path);
    url.searchParams.set('session', this.picture.session);
    url.searchParams.set('change', String(this.changes));
    return url;
  }

  /** @returns {Promise<Blob | null>} the head in the picture in use; null where the server does not send it */
  async fetchThumbnail() {
    const response = await fetch(this.thumbnailAddress(0)).catch(() => null);
    return response?.ok ? response.blob() : null;
  }
}
