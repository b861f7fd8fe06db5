// @ts-check
/** A film of the picture moving by its points, made by the server a moment after each change, one at a time. */

import { address } from './server.js';

const DELAY_MS = 600; // after the last change
const RETRY_MS = 2500; // after an answer that the server is busy

export class EditorPreview {
  /**
   * @param {object} options
   * @param {HTMLImageElement} options.image where the film is shown
   * @param {(state: {busy: boolean, failure: string}) => void} options.onState failure: a sentence, '' without
   */
  constructor({ image, onState }) {
    this.image = image;
    this.onState = onState;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {AbortController | null} */
    this.request = null;
    /** What is wanted next. @type {{url: URL, points: string} | null} */
    this.wanted = null;
  }

  /**
   * Shows these points after a while.
   * @param {string} session
   * @param {string} which see `api/points`
   * @param {string} points JSON
   */
  want(session, which, points) {
    const url = address('api/points/preview');
    url.searchParams.set('session', session);
    url.searchParams.set('which', which);
    this.wanted = { url, points };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.#send(), DELAY_MS);
  }

  /** Shows nothing any more. */
  stop() {
    clearTimeout(this.timer);
    this.wanted = null;
    this.request?.abort();
    this.#show('');
  }

  async #send() {
    const { wanted } = this;
    if (!wanted || this.request) {
      return; // the answer that is awaited sends the next one
    }
    this.wanted = null;
    this.request = new AbortController();
    this.onState({ busy: true, failure: '' });
    let failure = '';
    try {
      const response = await fetch(wanted.url, {
        method: 'PUT', body: wanted.points, headers: { 'Content-Type': 'application/json' }, signal: this.request.signal });
      if (response.ok) {
        this.#show(URL.createObjectURL(await response.blob()));
      } else if (response.status === 409 || response.status === 429) {
        this.wanted ??= wanted;
        this.timer = setTimeout(() => void this.#send(), RETRY_MS);
      } else {
        /** @type {{message?: string}} */
        const answer = await response.json().catch(() => ({}));
        failure = answer.message ?? `The server made no preview (${response.status}): try again.`;
      }
    } catch {
      failure = this.request.signal.aborted ? '' : 'The preview did not reach the server: check the connection.';
    }
    this.request = null;
    const again = this.wanted !== null;
    this.onState({ busy: again, failure });
    if (again && this.wanted !== wanted) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.#send(), DELAY_MS);
    }
  }

  /** @param {string} url '' for none */
  #show(url) {
    if (this.image.src.startsWith('blob:')) {
      URL.revokeObjectURL(this.image.src);
    }
    this.image.hidden = url === '';
    if (url) {
      this.image.src = url;
    } else {
      this.image.removeAttribute('src');
    }
  }
}
