// @ts-check
/** The controls on their way between page, server and storage: what was changed here, and what is still to be sent. */

import { remember } from './state.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./messages.js').Controls} Controls */
/** @typedef {import('./store.js').Store} Store */

const INTERVAL_MS = 80; // changes within this time are sent as one message

export class ControlSync {
  /**
   * @param {Store} store
   * @param {Connection} connection
   * @param {Partial<Controls>} kept of an earlier visit
   */
  constructor(store, connection, kept) {
    this.store = store;
    this.connection = connection;
    /** Controls that were changed on this page; for the others the server's values hold. */
    this.changed = kept;
    /** @type {Partial<Controls>} */
    this.unsent = {};
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {Partial<Controls>} changes */
  change(changes) {
    this.#keep(changes);
    this.unsent = { ...this.unsent, ...changes };
    this.timer ??= setTimeout(() => this.#send(), INTERVAL_MS);
  }

  /** Takes controls that the server, or another program, set. @param {Partial<Controls>} changes */
  adopt(changes) {
    this.#keep(changes);
    this.unsent = Object.fromEntries(Object.entries(this.unsent).filter(([name]) => !(name in changes)));
  }

  /** Brings page and server together, once a session begins or goes on. @param {import('./messages.js').Ready} ready */
  handleReady(ready) {
    const { paused } = ready.resumed ? ready.controls : this.store.state.controls;
    const controls = { ...ready.controls, ...this.changed, paused };
    this.unsent = Object.fromEntries(Object.entries(controls).filter(([name, value]) => (
      value !== ready.controls[/** @type {keyof Controls} */ (name)])));
    this.store.set({ controls });
    this.#send();
  }

  /** Turns head and gaze so that they are straight while the driver looks as now. */
  straighten() {
    this.connection.send({ type: 'control', straighten: true });
  }

  /** @param {Partial<Controls>} changes */
  #keep(changes) {
    const { paused: _, ...kept } = changes;
    this.changed = { ...this.changed, ...kept };
    remember({ controls: kept });
    this.store.merge('controls', changes);
  }

  #send() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (Object.keys(this.unsent).length > 0 && this.connection.ready) {
      this.connection.send({ type: 'control', ...this.unsent });
      this.unsent = {};
    }
  }
}
