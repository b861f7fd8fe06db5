// @ts-check
/** Measures how loud a microphone is. The sound goes nowhere: it is only measured. */

import { FEWER_MS, wantsLittleMotion } from './motion_preference.js';

const PERIOD_MS = 80;
const QUIETEST_DB = -60; // shown as nothing
const FALL = 0.12; // of the scale, by which the shown level falls at most in PERIOD_MS
const LOUD = 0.35; // of the scale, −39 dB: a voice near a microphone is above it, and the noise of a room below
const PAUSE_MS = 700; // after which a sound has ended

export class LevelMeter {
  /**
   * @param {(level: number) => void} show called with 0 for silence .. 1 for the loudest
   * @param {(isLoud: boolean) => void} hear called when a sound begins or ends
   */
  constructor(show, hear) {
    this.show = show;
    this.hear = hear;
    this.isLoud = false;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
  }

  /** @param {MediaStreamTrack | null} track null: nothing is measured */
  measure(track) {
    clearInterval(this.timer);
    void this.context?.close();
    this.context = null;
    this.show(0);
    this.#setLoud(false);
    if (!track) {
      return;
    }
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const period = wantsLittleMotion() ? FEWER_MS : PERIOD_MS;
    let shown = 0;
    let heardAt = -Infinity;
    this.context = context;
    this.timer = setInterval(() => {
      if (document.hidden) {
        return;
      }
      analyser.getFloatTimeDomainData(samples);
      const level = loudness(samples);
      shown = Math.max(level, shown - FALL * period / PERIOD_MS);
      this.show(shown);
      heardAt = level > LOUD ? performance.now() : heardAt;
      this.#setLoud(performance.now() - heardAt < PAUSE_MS);
    }, period);
  }

  /** @param {boolean} isLoud */
  #setLoud(isLoud) {
    if (isLoud !== this.isLoud) {
      this.isLoud = isLoud;
      this.hear(isLoud);
    }
  }
}

/**
 * @param {Float32Array} samples -1..1
 * @returns {number} 0 at QUIETEST_DB and below, 1 at full scale
 */
export function loudness(samples) {
  const power = samples.reduce((sum, value) => sum + value * value, 0) / Math.max(1, samples.length);
  const decibels = 10 * Math.log10(Math.max(power, 1e-12));
  return Math.min(1, Math.max(0, 1 - decibels / QUIETEST_DB));
}
