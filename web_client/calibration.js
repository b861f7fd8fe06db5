// @ts-check
/** Calibration on request: a countdown, the server's words while it looks for a resting face, and "Again" after it. */

import { html, setText } from './dom.js';
import { isTracked } from './tracker.js';

/** @typedef {import('./messages.js').State} ServerState */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/**
 * stage `countdown`: `left` seconds until it begins. `asked`: the server has yet to begin. `running`: disturbed: whether
 * the server said at the end what its driver should do.
 * @typedef {{stage: 'countdown', left: number} | {stage: 'asked'} | {stage: 'running', disturbed: boolean}} Calibration
 */

const COUNTDOWN_S = 3;
const ANSWER_MS = 15_000; // in which a busy server begins, else it was too fast to be seen, or nobody is there

export class CalibrationControl {
  /**
   * @param {Store} store
   * @param {() => void} request asks the server to take the neutral anew
   */
  constructor(store, request) {
    this.store = store;
    this.request = request;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Begins the countdown while live, or cancels it. */
  toggle() {
    if (!this.cancel() && this.store.state.live === 'live' && this.store.state.recording?.stage !== 'countdown') {
      this.store.dismiss('calibration');
      this.#countDown(COUNTDOWN_S);
    }
  }

  /** Ends the countdown, if there is one. @returns {boolean} whether there was one */
  cancel() {
    const isCounting = this.store.state.calibration?.stage === 'countdown';
    if (isCounting) {
      this.end();
    }
    return isCounting;
  }

  /** Nobody is live, or nothing more is expected. */
  end() {
    clearTimeout(this.timer);
    this.store.set({ calibration: null });
  }

  /** @param {number} left seconds */
  #countDown(left) {
    if (left > 0) {
      this.store.set({ calibration: { stage: 'countdown', left } });
      this.timer = setTimeout(() => this.#countDown(left - 1), 1000);
      return;
    }
    this.request();
    if (isTracked(this.store.state)) { // it is straight ahead at once
      this.end();
      return;
    }
    this.store.set({ calibration: { stage: 'asked' } });
    this.timer = setTimeout(() => this.end(), ANSWER_MS);
  }

  /** @param {ServerState} state */
  handleState({ phase, message }) {
    const { calibration } = this.store.state;
    if (calibration === null || calibration.stage === 'countdown') {
      return;
    }
    if (phase === 'calibrating') {
      clearTimeout(this.timer);
      this.store.set({ calibration: { stage: 'running', disturbed: message !== null } });
    } else if (calibration.stage === 'running' && phase !== 'lost' && phase !== 'stalled') { // which it outlasts
      this.end();
      if (phase === 'live') {
        this.#report(calibration.disturbed);
      }
    }
  }

  /** @param {boolean} disturbed */
  #report(disturbed) {
    const text = disturbed
      ? 'Your face did not rest: the calmest moments were taken as your resting face.'
      : 'This is your resting face now.';
    const action = { label: 'Again', run: () => this.toggle() };
    this.store.notify({ kind: 'info', about: 'calibration', text, action });
  }
}

/** The countdown over the stage, of a calibration or of a recording. @param {State} state */
export function renderCountdown({ calibration, recording }) {
  const counting = [calibration, recording].find((each) => each?.stage === 'countdown');
  html('countdown').hidden = counting === undefined;
  setText(html('countdown-left'), counting?.stage === 'countdown' ? String(counting.left) : '');
  setText(html('countdown-words'), calibration?.stage === 'countdown'
    ? 'Look at the screen with a relaxed face.'
    : 'Recording starts.');
}
