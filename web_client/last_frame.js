// @ts-check
/** The avatar's last frame, which stays, dimmed, while the connection is lost. */

import { element } from './dom.js';

const COPY_MS = 500; // between two copies
const BLACK = 2; // of 255, the brightest channel of black after decoding
const PROBE_SIDE = 8; // pixels of a frame that is looked at as a whole

export class LastFrame {
  constructor() {
    this.canvas = element('last-frame', HTMLCanvasElement);
    this.copiedAt = -COPY_MS;
    const probe = new OffscreenCanvas(PROBE_SIDE, PROBE_SIDE);
    this.probe = probe.getContext('2d', { willReadFrequently: true });
  }

  /**
   * A frame is seen: what was kept is not shown any more.
   * @param {HTMLVideoElement | HTMLCanvasElement} shown what shows the avatar
   * @param {{width: number, height: number}} size of the avatar
   */
  update(shown, { width, height }) {
    this.hide();
    if (performance.now() - this.copiedAt >= COPY_MS) {
      this.copiedAt = performance.now();
      if (this.#isBlack(shown)) {
        return;
      }
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.getContext('2d')?.drawImage(shown, 0, 0, width, height);
    }
  }

  /**
   * Whether a frame is black all over, as that of a video whose server has ended before the page learns of it.
   * @param {HTMLVideoElement | HTMLCanvasElement} shown
   */
  #isBlack(shown) {
    if (this.probe === null) {
      return false;
    }
    this.probe.clearRect(0, 0, PROBE_SIDE, PROBE_SIDE);
    this.probe.drawImage(shown, 0, 0, PROBE_SIDE, PROBE_SIDE);
    const { data } = this.probe.getImageData(0, 0, PROBE_SIDE, PROBE_SIDE);
    return data.every((value, index) => index % 4 === 3 || value <= BLACK);
  }

  show() {
    this.canvas.hidden = false;
  }

  hide() {
    this.canvas.hidden = true;
  }
}
