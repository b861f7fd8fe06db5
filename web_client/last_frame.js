// @ts-check
/** The avatar's last frame, which stays, dimmed, while the connection is lost. */

import { element } from './dom.js';

const COPY_MS = 500; // between two copies: a video whose server ends shows black before the page learns of it

export class LastFrame {
  constructor() {
    this.canvas = element('last-frame', HTMLCanvasElement);
    this.copiedAt = -COPY_MS;
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
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.getContext('2d')?.drawImage(shown, 0, 0, width, height);
    }
  }

  show() {
    this.canvas.hidden = false;
  }

  hide() {
    this.canvas.hidden = true;
  }
}
