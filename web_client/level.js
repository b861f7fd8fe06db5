// @ts-check
/** Measures how loud a microphone is. The sound goes nowhere: it is only measured. */

const PERIOD_MS = 80;
const QUIETEST_DB = -60; // shown as nothing
const FALL = 0.12; // of the scale, by which the shown level falls at most in a period

export class LevelMeter {
  /** @param {(level: number) => void} show called with 0 for silence .. 1 for the loudest */
  constructor(show) {
    this.show = show;
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
    if (!track) {
      return;
    }
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let shown = 0;
    this.context = context;
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      shown = Math.max(loudness(samples), shown - FALL);
      this.show(shown);
    }, PERIOD_MS);
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
