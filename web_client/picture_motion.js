// @ts-check
/** Measures how much moves before the camera, on this page alone. */

import { FEWER_MS, wantsLittleMotion } from './motion_preference.js';

const PERIOD_MS = 200;
const WIDTH = 32;
const HEIGHT = 24; // pixels that are compared
const NOISE = 0.6; // mean change of a pixel's grey level, 0..255, of a camera before which nothing moves
const LARGE = 9; // of somebody who waves

export class MotionMeter {
  /**
   * @param {HTMLVideoElement} video of the camera
   * @param {(level: number) => void} show called with 0 for nothing .. 1 for large motion
   */
  constructor(video, show) {
    this.video = video;
    this.show = show;
    this.canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
    /** @type {Uint8ClampedArray | null} */
    this.before = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
  }

  /** Begins, or ends with a level of 0. @param {boolean} isOn */
  measure(isOn) {
    clearInterval(this.timer);
    this.before = null;
    this.show(0);
    if (isOn) {
      this.timer = setInterval(() => this.#compare(), wantsLittleMotion() ? FEWER_MS : PERIOD_MS);
    }
  }

  #compare() {
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (document.hidden || this.video.videoWidth === 0 || !context) {
      return;
    }
    context.drawImage(this.video, 0, 0, WIDTH, HEIGHT);
    const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
    if (this.before) {
      this.show(motion(this.before, data));
    }
    this.before = data;
  }
}

/**
 * @param {Uint8ClampedArray} before red, green, blue, alpha of each pixel
 * @param {Uint8ClampedArray} after likewise
 * @returns {number} 0 for noise .. 1 for large motion, with a root so that a face that speaks is seen
 */
export function motion(before, after) {
  let sum = 0;
  for (let at = 0; at < after.length; at += 4) {
    sum += Math.abs(after[at] + after[at + 1] + after[at + 2] - before[at] - before[at + 1] - before[at + 2]) / 3;
  }
  const change = sum / Math.max(1, after.length / 4);
  return Math.sqrt(Math.min(1, Math.max(0, (change - NOISE) / (LARGE - NOISE))));
}
