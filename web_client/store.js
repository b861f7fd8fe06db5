// @ts-check
/** Holds the page's one state object and renders it after each change. */

import { initialState } from './state.js';

/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').Notice} Notice */

const INFO_NOTICE_MS = 6000; // an error stays until it is dismissed or no longer true

export class Store {
  /**
   * @param {(state: State) => void} render called once after all changes of one task
   * @param {Partial<State>} saved what differs from the initial state
   */
  constructor(render, saved) {
    /** @type {State} */
    this.state = { ...initialState(), ...saved };
    this.render = render;
    this.renderPending = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.noticeTimer = undefined;
  }

  /**
   * Changes the state; it is rendered at the end of the present task.
   * @param {Partial<State>} changes
   */
  set(changes) {
    Object.assign(this.state, changes);
    if (!this.renderPending) {
      this.renderPending = true;
      queueMicrotask(() => {
        this.renderPending = false;
        this.render(this.state);
      });
    }
  }

  /**
   * Changes some fields of one part of the state.
   * @template {'acts' | 'capture' | 'controls' | 'mood' | 'picture' | 'shelf' | 'sources'} Part
   * @param {Part} part
   * @param {Partial<State[Part]>} changes
   */
  merge(part, changes) {
    this.set({ [part]: { ...this.state[part], ...changes } });
  }

  /**
   * Shows a notice in place of the present one.
   * @param {Notice} notice
   */
  notify(notice) {
    clearTimeout(this.noticeTimer);
    this.set({ notice });
    if (notice.kind === 'info' && !notice.stays) {
      this.noticeTimer = setTimeout(() => this.dismiss(), INFO_NOTICE_MS);
    }
  }

  /**
   * Removes the notice.
   * @param {string} [about] only where it is about this
   */
  dismiss(about) {
    if (about === undefined || this.state.notice?.about === about) {
      this.set({ notice: null });
    }
  }
}
