// @ts-check
/**
 * The card "Film": a clip is sent to the server, whose film of it, made with the picture in use, comes back as a file. The
 * server tells by `film` how it goes; it keeps the film no longer than until this page has it.
 */

import { button, element, html, input, setText, setWords } from './dom.js';
import { t } from './i18n.js';
import { address } from './server.js';
import { PictureError, request } from './upload.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./picture.js').ReferencePicture} ReferencePicture */
/** @typedef {import('./messages.js').FilmStatus} FilmStatus */
/** @typedef {import('./messages.js').Ready} Ready */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/**
 * The visible part. stage: that of the server, or `fetching` the film. name: of the clip. done: of this stage, 0..1, null
 * where nobody knows. file: name of the film. url: of the film that is here, '' before. saved: whether it was downloaded.
 * @typedef {object} Film
 * @property {FilmStatus['stage'] | 'fetching'} stage
 * @property {string} name
 * @property {number | null} done
 * @property {number | null} secondsLeft
 * @property {string[]} notes
 * @property {string} file
 * @property {string} url
 * @property {boolean} saved
 */

const PART_BYTES = 4 * 2 ** 20; // of a request: within the server's time limit on a slow network, too
const CLIP_TYPES = '.mp4,.m4v,.mov,.webm,.mkv';
const STAGES = {
  sending: 'Sending the clip…',
  preparing: 'Preparing…',
  tracking: 'Looking at the clip…',
  drawing: 'Drawing…',
  finishing: 'Finishing the file…',
  fetching: 'Receiving the film…',
  ready: 'The film is ready.',
  failed: '',
};

/**
 * Whether a file may be a clip, by its type; by its name where the browser knows no type.
 * @param {{type: string, name: string}} file
 */
export const mayBeClip = ({ type, name }) => (
  type.startsWith('video/') || (type === '' && CLIP_TYPES.split(',').some((end) => name.toLowerCase().endsWith(end))));

/** @param {string} name of a file @returns {string} without its ending, and without what file systems refuse */
const stem = (name) => name.replace(/\.\w{2,4}$/, '').replace(/[\\/:*?"<>|]/g, '').trim() || 'film';

/** @param {number} seconds @returns {string} */
export function timeLeft(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 45) return 'Less than a minute left';
  if (minutes < 2) return 'About a minute left';
  return minutes < 90 ? `About ${minutes} minutes left` : `About ${Math.round(seconds / 3600)} hours left`;
}

/** Scrolls to the card where it is not seen whole; film.css keeps it clear of the row of buttons. */
const showCard = () => html('film-card').scrollIntoView({ block: 'nearest' });

/** @returns {boolean} whether the middle of the card is on the screen */
function isCardSeen() {
  const { top, bottom } = html('film-card').getBoundingClientRect();
  return !document.hidden && top + bottom > 0 && top + bottom < 2 * innerHeight;
}

/** The film of this page, of which `state.film` is the visible part. */
export class ClipFilm {
  /**
   * @param {Store} store
   * @param {ReferencePicture} picture
   */
  constructor(store, picture) {
    this.store = store;
    this.picture = picture;
    /** Limit of the server, as /api/config tells. */
    this.maxMegabytes = 500;
    /** Name of the server's present session; '' without a connection. */
    this.session = '';
    /** Ends the requests of the present film. */
    this.aborter = new AbortController();
    /** The server's answer that the film before is gone: until then it takes no other one. @type {Promise<unknown>} */
    this.ending = Promise.resolve();
    /** Films that were given up, and of which the server may tell still. */
    this.endings = 0;
    window.addEventListener('beforeunload', (event) => {
      const { film } = this.store.state;
      if (film && !film.saved) {
        event.preventDefault(); // the browser asks whether to leave
      }
    });
  }

  /**
   * Has a film made of this clip; a notice says why where that cannot be.
   * @param {File} clip
   */
  async make(clip) {
    const problem = this.#problem(clip);
    if (problem) {
      this.#refuse(problem);
      return;
    }
    this.#forget();
    const { signal } = this.aborter;
    this.#show({ stage: 'sending', name: clip.name, done: 0, file: `${stem(clip.name)}-${stem(this.store.state.picture.name)}` });
    queueMicrotask(showCard); // after it is rendered
    try {
      await this.ending;
      signal.throwIfAborted();
      await this.#request('POST', { name: clip.name, bytes: String(clip.size) }, { signal });
      for (let offset = 0; offset < clip.size; offset += PART_BYTES) {
        const body = clip.slice(offset, offset + PART_BYTES);
        await this.#request('PUT', { offset: String(offset) }, { signal, body });
        if (this.store.state.film?.stage === 'sending') {
          this.#show({ done: Math.min(1, (offset + PART_BYTES) / clip.size) });
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#fail(error instanceof PictureError ? error.message : String(error));
      }
    }
  }

  /** Cancels the film, or forgets the one that is here. */
  async remove() {
    const { film } = this.store.state;
    const isHere = film === null || film.url !== '';
    this.#forget();
    if (!isHere && this.session) {
      await this.#end();
    }
  }

  /** Has the server forget its film; until it has, what it tells of it is not heard. */
  #end() {
    this.endings += 1;
    this.ending = this.#request('DELETE', {}, {}).catch(() => undefined) // it goes with the session
      .finally(() => { this.endings -= 1; });
    return this.ending;
  }

  /** The film was downloaded. */
  handleSaved() {
    this.store.dismiss('film');
    this.#show({ saved: true });
  }

  /** @param {FilmStatus} status */
  handleStatus(status) {
    const { film } = this.store.state;
    if (this.endings > 0) {
      return;
    }
    if (film === null && status.stage === 'sending') { // of a page before this one, which alone has the rest of the clip
      void this.#end();
    } else if (status.stage === 'failed') {
      this.#fail(status.message ?? `The film of ${status.name} could not be made: try another clip.`);
    } else if (status.stage === 'ready' && film?.stage !== 'fetching') {
      void this.#fetch(status);
    } else if (status.stage !== 'sending' && status.stage !== 'ready') {
      const { stage, done, seconds_left: secondsLeft, notes } = status;
      this.#show({ stage, name: film?.name ?? status.name, notes, secondsLeft, done: stage === 'preparing' ? null : done });
    }
  }

  /** @param {Ready} ready */
  handleReady({ session, resumed }) {
    const isOther = session !== this.session && !resumed;
    this.session = session;
    const { film } = this.store.state;
    if (film && !film.url && isOther) {
      this.#fail(`The server has lost the film of ${film.name}: drop the clip again.`);
    }
  }

  /** @param {File} clip @returns {string} why no film can be made of it now; '' where one can */
  #problem(clip) {
    const { film, picture } = this.store.state;
    if (!mayBeClip(clip)) {
      return `${clip.name} is not a video that can be used: choose an MP4, MOV, WebM or MKV file.`;
    }
    if (clip.size > this.maxMegabytes * 1e6) {
      return `${clip.name} is larger than ${this.maxMegabytes} MB: cut it, or save it smaller.`;
    }
    if (film && !film.url) {
      return `The film of ${film.name} is being made: wait for it, or cancel it first.`;
    }
    if (film && !film.saved) {
      return `The film of ${film.name} is not saved yet: download or remove it first.`;
    }
    if (this.picture.pendingName !== null) {
      return `${this.picture.pendingName} is being prepared: wait a moment, then choose the clip again.`;
    }
    return picture.name && this.session ? '' : 'The server is not connected: wait a moment, then choose the clip again.';
  }

  /**
   * Takes the film from the server, which then deletes it.
   * @param {FilmStatus} status of a film that is ready
   */
  async #fetch(status) {
    const { size, suffix, notes } = status;
    const name = this.store.state.film?.name ?? status.name;
    const { signal } = this.aborter;
    const base = this.store.state.film?.file ?? `${stem(name)}-${stem(this.store.state.picture.name)}`;
    this.#show({ stage: 'fetching', name, notes, file: base, done: 0, secondsLeft: null });
    /** @type {Blob[]} */
    const parts = [];
    try {
      for (let begin = 0; begin < (size ?? 0); begin += PART_BYTES) {
        const headers = { Range: `bytes=${begin}-${begin + PART_BYTES - 1}` };
        parts.push(await (await this.#request('GET', {}, { signal, headers })).blob());
        this.#show({ done: Math.min(1, (begin + PART_BYTES) / (size ?? 1)) });
      }
    } catch (error) {
      if (!signal.aborted) {
        this.store.notify({
          kind: 'error', about: 'film', text: error instanceof PictureError ? error.message : String(error),
          action: { label: 'Try again', run: () => void this.#fetch(status) },
        });
      }
      return;
    }
    const url = URL.createObjectURL(new Blob(parts, { type: `video/${suffix}` }));
    this.#show({ stage: 'ready', done: 1, file: `${base}.${suffix}`, url });
    this.store.dismiss('film');
    if (!isCardSeen()) {
      const action = { label: 'Show', run: () => { this.store.dismiss('film'); showCard(); } };
      this.store.notify({ kind: 'info', about: 'film', text: `The film of ${name} is ready.`, stays: true, action });
    }
    await this.#end();
  }

  /** @param {Partial<Film>} changes */
  #show(changes) {
    const before = this.store.state.film ?? { stage: 'sending', name: '', done: 0, secondsLeft: null, notes: [], file: '', url: '', saved: false };
    this.store.set({ film: /** @type {Film} */ ({ ...before, ...changes }) });
  }

  #forget() {
    this.aborter.abort();
    this.aborter = new AbortController();
    const { film } = this.store.state;
    if (film?.url) {
      URL.revokeObjectURL(film.url);
    }
    this.store.set({ film: null });
    this.store.dismiss('film');
  }

  /** @param {string} text */
  #fail(text) {
    this.#forget();
    this.#refuse(text);
  }

  /** @param {string} text */
  #refuse(text) {
    this.store.notify({ kind: 'error', about: 'film', text });
  }

  /**
   * @param {'POST' | 'PUT' | 'GET' | 'DELETE'} method
   * @param {Record<string, string>} parameters
   * @param {RequestInit} options
   */
  #request(method, parameters, options) {
    const url = address('api/film');
    url.searchParams.set('session', this.session);
    Object.entries(parameters).forEach(([name, value]) => url.searchParams.set(name, value));
    return request(url, { ...options, method }, this.store.state.film?.name ?? t('The clip'));
  }
}

/** @param {App} app */
export function bindFilm(app) {
  const file = input('clip-file');
  file.accept = `video/*,${CLIP_TYPES}`;
  button('choose-clip').addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    const chosen = file.files?.[0];
    if (chosen) {
      void app.film.make(chosen);
    }
    file.value = ''; // so that the same file can be chosen again
  });
  for (const id of ['cancel-film', 'remove-film']) {
    button(id).addEventListener('click', () => {
      void app.film.remove();
      queueMicrotask(() => button('choose-clip').focus()); // after the pressed one is hidden
    });
  }
  html('save-film').addEventListener('click', () => app.film.handleSaved());
}

/** @param {State} state */
export function renderFilm({ film, filmMinutes, live }) {
  const isHere = film !== null && film.url !== '';
  html('film-card').hidden = filmMinutes === 0;
  html('film-begin').hidden = film !== null && !(isHere && film.saved);
  html('film-work').hidden = film === null || isHere;
  html('film-result').hidden = !isHere;
  setText(html('film-limit'), `Clips of up to ${filmMinutes} minutes. The server deletes the clip once the film is made.`);
  const list = html('film-notes');
  const notes = film?.notes ?? [];
  list.hidden = notes.length === 0;
  if (list.dataset.rendered !== notes.join('\n')) {
    list.dataset.rendered = notes.join('\n');
    list.replaceChildren(...notes.map((note) => Object.assign(document.createElement('li'), { textContent: t(note) })));
  }
  setText(html('film-stage'), film === null ? '' : film.secondsLeft !== null && !isHere ? timeLeft(film.secondsLeft) : STAGES[film.stage]);
  const video = element('film-video', HTMLVideoElement);
  if ((video.getAttribute('src') ?? '') !== (film?.url ?? '')) {
    if (film?.url) {
      video.src = film.url;
    } else {
      video.removeAttribute('src');
      video.load(); // frees it
    }
  }
  if (film === null) {
    return;
  }
  setWords(html('film-name'), film.name);
  html('film-name').title = film.name;
  setWords(html('film-file'), film.file);
  html('film-file').title = film.file;
  const link = element('save-film', HTMLAnchorElement);
  link.href = film.url;
  link.download = film.file;
  html('film-slow').hidden = live === 'idle';
  const bar = element('film-progress', HTMLProgressElement);
  if (film.done === null) {
    bar.removeAttribute('value');
  } else {
    bar.value = film.done;
  }
}
