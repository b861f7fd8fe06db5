// @ts-check
/** How the character is, in English words: what was written, and how the server read it. */

import { html, input } from './dom.js';
import { t } from './i18n.js';
import { remember, remembered } from './state.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./messages.js').Mood} Mood */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/**
 * isOwn: whether somebody wrote it on this page; else it is the server's. isRead: whether the server has read it.
 * @typedef {Mood & {isOwn: boolean, isRead: boolean}} MoodState
 */

/** The mood of this page's character, of which `state.mood` is the visible part. */
export class MoodControl {
  /**
   * @param {Store} store
   * @param {Connection} connection
   */
  constructor(store, connection) {
    this.store = store;
    this.connection = connection;
    this.unanswered = 0; // moods that were sent
  }

  /** Uses other words; a mood that was switched off is on again where there are some. @param {string} written */
  use(written) {
    const text = written.trim().replace(/\s+/g, ' ');
    const isOn = this.store.state.sources.mood || text !== '';
    remember({ mood: text });
    this.#keepSwitch(isOn);
    this.store.merge('mood', { text, isOwn: true });
    this.#send(isOn ? text : '');
  }

  /** Lets the words act, or keeps them for later. @param {boolean} isOn */
  switch(isOn) {
    this.#keepSwitch(isOn);
    this.#send(isOn ? this.store.state.mood.text : '');
  }

  /**
   * Writes another word in place of one that was not understood.
   * @param {string} word
   * @param {string} other
   */
  replace(word, other) {
    this.use(replaceWord(this.store.state.mood.text, word, other));
  }

  /** A session begins or goes on. @param {Mood} mood that it has */
  handleReady(mood) {
    this.unanswered = 0;
    const { sources, mood: { text, isOwn } } = this.store.state;
    const wanted = !sources.mood ? '' : isOwn ? text : mood.text;
    if (!isOwn) {
      this.store.merge('mood', { text: mood.text });
    }
    if (wanted === mood.text) {
      this.#setRead(mood);
    } else {
      this.#send(wanted);
    }
  }

  /** @param {Mood} mood how the last one that was sent was read, or one before; unasked for, another program's */
  handleRead(mood) {
    if (this.unanswered === 0) {
      this.#adopt(mood);
      return;
    }
    this.unanswered = Math.max(0, this.unanswered - 1);
    if (this.unanswered === 0) {
      this.#setRead(mood);
    }
  }

  /** Another program chose this mood; without words it was ended, and those before are kept for later. @param {Mood} mood */
  #adopt(mood) {
    if (mood.text !== '') {
      remember({ mood: mood.text });
      this.store.merge('mood', { text: mood.text, isOwn: true });
    }
    this.#keepSwitch(mood.text !== '');
    this.#setRead(mood);
  }

  /** @param {Mood} mood */
  #setRead({ understood, unknown }) {
    this.store.merge('mood', { understood, unknown, isRead: true });
  }

  /** @param {string} text */
  #send(text) {
    this.store.merge('mood', { understood: [], unknown: [], isRead: false });
    if (this.connection.ready && this.connection.send({ type: 'mood', text })) {
      this.unanswered += 1;
    }
  }

  /** @param {boolean} isOn */
  #keepSwitch(isOn) {
    remember({ sources: { ...remembered().sources, mood: isOn } });
    this.store.merge('sources', { mood: isOn });
  }
}

/**
 * @param {string} text
 * @param {string} word of it, in whichever case
 * @param {string} other
 */
export function replaceWord(text, word, other) {
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'giu'), other);
}

/** @param {App} app */
export function bindMood({ mood }) {
  const field = input('mood');
  field.addEventListener('change', () => mood.use(field.value));
  input('mood-on').addEventListener('change', ({ target }) => mood.switch(/** @type {HTMLInputElement} */ (target).checked));
  html('mood-unknown').addEventListener('click', ({ target }) => {
    if (target instanceof HTMLButtonElement) {
      mood.replace(target.dataset.word ?? '', target.textContent ?? '');
      field.focus(); // this button goes
    }
  });
}

/** The field, and below it how its words were read. @param {State} state */
export function renderMood({ mood, sources }) {
  const field = input('mood');
  if (field.dataset.rendered !== mood.text) {
    field.dataset.rendered = mood.text;
    field.value = mood.text;
  }
  const understood = sources.mood ? mood.understood : [];
  const unknown = sources.mood ? mood.unknown : [];
  renderList('mood-understood', understood.map(({ phrase, read }) => () => makeTag(phrase, read)), JSON.stringify(understood));
  renderList('mood-unknown', unknown.map(({ word, nearest }) => () => makeUnknown(word, nearest)), JSON.stringify(unknown));
}

/**
 * @param {string} id of a list
 * @param {(() => HTMLElement)[]} rows
 * @param {string} key changes with the rows
 */
function renderList(id, rows, key) {
  const list = html(id);
  list.hidden = rows.length === 0;
  if (list.dataset.rendered !== key) {
    list.dataset.rendered = key;
    list.replaceChildren(...rows.map((make) => make()));
  }
}

/**
 * @param {string} phrase as it was written
 * @param {string} read
 */
const makeTag = (phrase, read) => Object.assign(document.createElement('li'), { className: 'tag', lang: 'en', textContent: read, title: phrase });

/**
 * @param {string} word that was not understood
 * @param {string[]} nearest those that are and are spelled alike
 */
function makeUnknown(word, nearest) {
  const row = document.createElement('li');
  const name = Object.assign(document.createElement('span'), { lang: 'en', className: 'unknown', textContent: word });
  if (nearest.length === 0) {
    row.append(name, Object.assign(document.createElement('span'), { className: 'muted', textContent: t('No similar word') }));
    return row;
  }
  const others = nearest.map((other) => {
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'act', lang: 'en', textContent: other });
    button.dataset.word = word;
    button.setAttribute('aria-label', t(`Write ${other} instead`));
    return button;
  });
  row.append(name, ...others);
  return row;
}
