// @ts-check
/** The card "Background": what stands behind the character, with a picture or a short clip of the user's own. */

import { keepBackground, keptBackground } from './background_store.js';
import { button, element, html, input, setText, setWords } from './dom.js';
import { t } from './i18n.js';
import { address } from './server.js';
import { PictureError, request } from './upload.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Background} Background */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/** @typedef {{name: string, url: string, isClip: boolean, pending: boolean}} OwnBackground pending: not shown yet */

const CYCLE = /** @type {const} */ (['original', 'blur', 'colour', 'transparent', 'picture']);

/** @returns {NodeListOf<HTMLInputElement>} */
const radios = () => document.querySelectorAll('input[name=background]');

/** The background of the user's own, of which `state.ownBackground` is the visible part; kept on this device. */
export class BackgroundFile {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    /** @type {File | null} */
    this.file = null;
    /** Name of the server's present session; '' without a connection. */
    this.session = '';
    this.maxMegabytes = 20; // until /api/config has answered
    /** Number of changes: an answer to an upload that was replaced meanwhile is ignored. */
    this.generation = 0;
    /** Whether this device keeps the file. */
    this.isKept = false;
    /** Ends with the last request that was begun: the server takes one background at a time. @type {Promise<void>} */
    this.lastRequest = Promise.resolve();
  }

  /** Takes up the file of the last visit. */
  async restore() {
    const { generation } = this;
    const file = await keptBackground();
    if (file && generation === this.generation) {
      this.#show(file);
      this.isKept = true;
      this.#send();
    }
  }

  /**
   * Shows this file behind the character from now on; a notice says why where it cannot be used.
   * @param {File} file
   */
  use(file) {
    if (!/^(image|video)\//.test(file.type)) {
      this.#refuse(`${file.name} is neither a picture nor a video: choose another file.`);
    } else if (file.size > this.maxMegabytes * 1e6) {
      this.#refuse(`${file.name} is larger than ${this.maxMegabytes} MB: choose a smaller file.`);
    } else {
      this.store.dismiss('background');
      this.#show(file);
      this.#send();
    }
  }

  /** Forgets the file, here and on the server. */
  async remove() {
    this.#show(null);
    const { generation, session } = this;
    await keepBackground(null);
    this.#enqueue(async () => {
      if (session && session === this.session && generation === this.generation) { // else it is gone, or another one takes its place
        const url = address('api/background');
        url.searchParams.set('session', session);
        await request(url, { method: 'DELETE' }, 'The background').catch(() => undefined); // it goes with the session
      }
    });
  }

  /** A new session knows no background. @param {string} session its secret name */
  handleReady(session) {
    this.session = session;
    this.#send();
  }

  handleConnectionLost() {
    this.session = '';
  }

  /** @param {File | null} file */
  #show(file) {
    this.generation += 1;
    const { ownBackground } = this.store.state;
    if (ownBackground) {
      URL.revokeObjectURL(ownBackground.url);
    }
    this.file = file;
    this.isKept = false;
    this.store.set({
      ownBackground: file && {
        name: file.name, url: URL.createObjectURL(file), isClip: file.type.startsWith('video/'), pending: true,
      },
    });
  }

  /** @param {string} text */
  #refuse(text) {
    this.store.notify({ kind: 'error', about: 'background', text });
  }

  /** Runs a request after those before it. @param {() => Promise<void>} run which does not reject */
  #enqueue(run) {
    this.lastRequest = this.lastRequest.then(run);
  }

  /** Sends the present file to the present session, and keeps it on this device once it is found usable. */
  #send() {
    const { file, generation, session } = this;
    const isCurrent = () => generation === this.generation && session === this.session;
    if (!file || !session) {
      return; // `handleReady` sends it
    }
    this.#enqueue(async () => {
      if (!isCurrent()) {
        return;
      }
      const url = address('api/background');
      url.searchParams.set('session', session);
      try {
        const response = await request(url, { method: 'PUT', body: file }, file.name);
        /** @type {{notes: string[]}} */
        const { notes } = await response.json();
        const { ownBackground } = this.store.state;
        if (isCurrent() && ownBackground) {
          this.store.set({ ownBackground: { ...ownBackground, pending: false } });
          notes.forEach((text) => this.store.notify({ kind: 'info', about: 'background', text }));
        }
      } catch (error) {
        if (isCurrent()) {
          this.#show(null);
          this.#refuse(error instanceof PictureError ? error.message : String(error));
        }
        return;
      }
      if (generation === this.generation && !this.isKept) {
        this.isKept = true;
        await keepBackground(file);
      }
    });
  }
}

/** @param {App} app */
export function bindBackground(app) {
  const file = input('background-file');
  const choose = () => file.click();
  radios().forEach((radio) => {
    radio.addEventListener('change', () => {
      app.controls.change({ background: /** @type {Background} */ (radio.value) });
      if (radio.value === 'picture' && !app.background.file) {
        choose();
      }
    });
  });
  const colour = input('colour');
  colour.addEventListener('input', () => app.controls.change({ background: 'colour', colour: colour.value }));
  button('choose-background').addEventListener('click', choose);
  button('remove-background').addEventListener('click', () => void app.background.remove());
  file.addEventListener('change', () => {
    const chosen = file.files?.[0];
    if (chosen) {
      app.controls.change({ background: 'picture' });
      app.background.use(chosen);
    }
    file.value = ''; // so that the same file can be chosen again
  });
}

/** Goes on to the next background. @param {App} app */
export function nextBackground(app) {
  const choices = CYCLE.filter((kind) => kind !== 'picture' || app.background.file);
  app.controls.change({ background: choices[(choices.indexOf(app.state.controls.background) + 1) % choices.length] });
}

/** @param {State} state */
export function renderBackground({ controls, ownBackground }) {
  radios().forEach((radio) => {
    radio.checked = radio.value === controls.background;
  });
  html('colour-field').hidden = controls.background !== 'colour';
  html('transparent-note').hidden = controls.background !== 'transparent';
  if (document.activeElement !== input('colour')) {
    input('colour').value = controls.colour;
  }
  html('own-background').hidden = controls.background !== 'picture';
  setWords(html('background-name'), ownBackground?.name ?? t('A picture or a short clip'));
  html('background-name').title = ownBackground?.name ?? '';
  setText(html('background-stage'), ownBackground?.pending ? 'Sending…' : '');
  setText(button('choose-background'), ownBackground ? 'Change' : 'Choose');
  button('remove-background').hidden = ownBackground === null;
  const picture = element('background-thumb', HTMLImageElement);
  const clip = element('background-clip', HTMLVideoElement);
  picture.hidden = !ownBackground || ownBackground.isClip;
  clip.hidden = !ownBackground?.isClip;
  for (const [shown, url] of /** @type {const} */ ([[picture, picture.hidden ? '' : ownBackground?.url], [clip, clip.hidden ? '' : ownBackground?.url]])) {
    if ((shown.getAttribute('src') ?? '') !== (url ?? '')) {
      shown.setAttribute('src', url ?? '');
    }
  }
}
