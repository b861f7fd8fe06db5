// @ts-check
/** Faces and gestures over what the camera shows, by click and by Shift and a number, and faces of one's own. */

import { button, html, setText } from './dom.js';
import { t } from './i18n.js';
import { isFace } from './protocol.js';
import { isShortcut } from './shortcuts.js';
import { remember } from './state.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./messages.js').Face} Face */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/**
 * @typedef {object} ActsState
 * @property {string[]} on names of the faces that this page has put on
 * @property {string[]} byPrograms names of the faces that other programs have put on
 * @property {Record<string, Face>} own faces of one's own, by name
 * @property {string | null} measuring name of the face that the server measures now
 */

const OWN = /^own-\d$/;
const GESTURES = new Set(['nod', 'shake', 'wave']);
const LEAST_MS = 600; // a face that a key was pressed for is on, so that it is seen

/** @param {ActsState} acts @param {string} name @returns {boolean} whoever put it on */
const isOn = ({ on, byPrograms }, name) => on.includes(name) || byPrograms.includes(name);

/** @returns {NodeListOf<HTMLButtonElement>} */
const buttons = () => document.querySelectorAll('#acts [data-act]');

/** The faces that this page has put on its avatar, of which `state.acts` is the visible part. */
export class Acts {
  /**
   * @param {Store} store
   * @param {Connection} connection
   */
  constructor(store, connection) {
    this.store = store;
    this.connection = connection;
  }

  get state() {
    return this.store.state.acts;
  }

  /**
   * What a click on a button does: a gesture plays, a face begins or ends, a free number is given the present face.
   * @param {string} name
   */
  use(name) {
    if (GESTURES.has(name)) {
      this.connection.send({ type: 'act', name });
    } else if (OWN.test(name) && !this.state.own[name]) {
      this.store.merge('acts', { measuring: name });
      this.connection.send({ type: 'remember' });
    } else {
      this.show(name, !isOn(this.state, name));
    }
  }

  /**
   * Begins or ends a face; one of one's own that there is not does nothing.
   * @param {string} name
   * @param {boolean} on
   */
  show(name, on) {
    const own = this.state.own[name];
    if (on === isOn(this.state, name) || (OWN.test(name) && !own)) {
      return;
    }
    this.connection.send({ type: 'act', name, on, ...(on ? own : {}) });
    this.store.merge('acts', { on: on ? [...this.state.on, name] : this.state.on.filter((each) => each !== name) });
  }

  /** @param {string} name of a face of one's own */
  forget(name) {
    this.show(name, false);
    const { [name]: _, ...own } = this.state.own;
    this.#keep(own);
  }

  /** @param {Face} face that the server has measured */
  handleFace({ weights, turn }) {
    const { measuring, own } = this.state;
    if (measuring !== null) {
      this.#keep({ ...own, [measuring]: { weights, turn } });
    }
  }

  /** Other programs have put faces on, or taken theirs off. @param {import('./messages.js').ActsChanged} message */
  handleActs({ on }) {
    this.store.merge('acts', { byPrograms: on });
  }

  /** No answer to `remember` comes any more. */
  handleNotSeen() {
    this.store.merge('acts', { measuring: null });
  }

  /** A session begins or goes on, in which no face of this page is on. */
  handleReady() {
    this.store.merge('acts', { on: [], byPrograms: [], measuring: null });
  }

  /** @param {Record<string, Face>} own */
  #keep(own) {
    remember({ faces: own });
    this.store.merge('acts', { own, measuring: null });
  }
}

/**
 * The faces among what was kept, which somebody may have changed.
 * @param {unknown} kept
 * @returns {Record<string, Face>}
 */
export const keptFaces = (kept) => Object.fromEntries(Object.entries(Object(kept)).filter(([name, face]) => OWN.test(name) && isFace(face)));

/** @param {App} app */
export function bindActs(app) {
  const { acts } = app;
  for (const each of buttons()) {
    const name = each.dataset.act ?? '';
    each.addEventListener('click', () => acts.use(name));
    if (OWN.test(name)) {
      button(`forget-${name}`).addEventListener('click', () => {
        acts.forget(name);
        each.focus();
      });
    }
  }
  bindKeys(app);
}

/** Shift and a number make a face for as long as the number is held. @param {App} app */
function bindKeys({ acts, store }) {
  /** When each key was pressed, by its code. @type {Map<string, {name: string, since: number}>} */
  const held = new Map();
  const release = (/** @type {string} */ code) => {
    const press = held.get(code);
    if (press && held.delete(code)) {
      setTimeout(() => {
        if (!held.has(code)) {
          acts.show(press.name, false);
        }
      }, Math.max(0, LEAST_MS - (performance.now() - press.since)));
    }
  };
  document.addEventListener('keydown', (event) => {
    const digit = /^Digit(\d)$/.exec(event.code)?.[1];
    const each = digit && document.querySelector(`#acts [data-digit="${digit}"]`);
    if (!event.shiftKey || !(each instanceof HTMLButtonElement) || !isShortcut(event) || !store.state.shortcuts) {
      return;
    }
    event.preventDefault();
    if (!each.disabled) {
      const name = each.dataset.act ?? '';
      held.set(event.code, { name, since: performance.now() });
      acts.show(name, true);
    }
  });
  document.addEventListener('keyup', ({ code }) => release(code));
  window.addEventListener('blur', () => [...held.keys()].forEach(release));
}

/** @param {State} state */
export function renderActs({ acts, live, link, mediaLost, shortcuts }) {
  const isLive = live === 'live' && link === 'open' && !mediaLost;
  for (const each of buttons()) {
    const { act: name = '', digit } = each.dataset;
    const isOwn = OWN.test(name);
    const isFree = isOwn && !acts.own[name];
    each.disabled = !isLive || (isFree && acts.measuring !== null);
    if (!GESTURES.has(name)) {
      each.toggleAttribute('data-free', isFree);
      each.toggleAttribute('data-busy', acts.measuring === name);
      each.dataset.number = shortcuts && digit && !isFree ? `⇧${digit}` : '';
      each.setAttribute('aria-pressed', String(isOn(acts, name)));
    }
    if (isOwn) {
      setText(each, isFree ? `Remember as ${digit}` : `Face ${digit}`);
      each.title = isFree ? t('Remembers the face that you make now') : '';
      html(`forget-${name}`).hidden = isFree;
    }
  }
}
