// @ts-check
/** The microphone of this session: opening it, replacing it by another, losing it. */

import { LevelMeter } from './level.js';
import { notifyTrouble, openMicrophone, troubleOf } from './media_devices.js';

/** @typedef {import('./store.js').Store} Store */

export class Microphone {
  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {(level: number) => void} options.showLevel shows its loudness, 0..1
   * @param {() => Promise<void>} options.send sends its sound, or what is sent without it; called while live
   * @param {() => Promise<void>} options.refresh reads the lists of devices anew
   */
  constructor({ store, showLevel, send, refresh }) {
    this.store = store;
    this.send = send;
    this.refresh = refresh;
    this.level = new LevelMeter(showLevel, (isLoud) => this.store.merge('sources', { isLoud }));
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** Number of changes, begun ones included: a microphone that opens after another is closed again at once. */
    this.changes = 0;
    /** Number of the change that opens it. */
    this.opening = -1;
  }

  /** Whether it is open, or will be once the browser gives it. */
  get isWanted() {
    return this.track !== null || this.opening === this.changes;
  }

  /**
   * Opens the chosen microphone in place of the present one, unless something else is wanted of it meanwhile.
   * @returns {Promise<boolean>} false where it did not open, and a notice says why
   */
  async open() {
    this.changes += 1;
    const change = this.changes;
    this.opening = change;
    this.store.merge('sources', { microphoneTrouble: null });
    try {
      const track = await openMicrophone(this.store.state.capture.microphone);
      if (change !== this.changes) {
        track.stop();
        return true;
      }
      this.store.dismiss('microphone');
      this.#set(track);
      void this.refresh(); // the labels are known once the microphone is allowed
      if (this.store.state.live !== 'idle') {
        await this.send();
      }
      return true;
    } catch (error) {
      if (change !== this.changes) {
        return true;
      }
      this.opening = -1;
      this.store.merge('sources', { microphone: false, microphoneTrouble: troubleOf(error) });
      notifyTrouble(this.store, error, 'microphone');
      return false;
    }
  }

  close() {
    this.#set(null);
  }

  /** @param {MediaStreamTrack | null} track */
  #set(track) {
    this.changes += 1;
    if (this.track) {
      this.track.onended = null;
      this.track.stop();
    }
    this.track = track;
    this.level.measure(track);
    this.store.set({ microphone: track !== null && this.store.state.live !== 'idle' });
    this.store.merge('sources', { muted: track?.muted ?? false });
    if (track) {
      track.onmute = track.onunmute = () => this.store.merge('sources', { muted: track === this.track && track.muted });
      track.onended = () => this.#handleEnded();
    }
  }

  #handleEnded() {
    this.close();
    this.store.merge('capture', { isListening: false });
    this.store.merge('sources', { microphone: false, microphoneTrouble: 'missing' });
    if (this.store.state.live !== 'idle') {
      void this.send();
    }
    const text = 'The microphone went away: plug it in again or pick another, then switch it on.';
    this.store.notify({ kind: 'error', about: 'microphone', text });
    void this.refresh();
  }
}
