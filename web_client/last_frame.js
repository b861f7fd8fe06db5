// @ts-check
/** The avatar's last frame, which stays, dimmed, while the connection is lost. */

import { element } from './dom.js';

/**
 * Shows a copy of what the avatar shows now.
 * @param {HTMLVideoElement | HTMLCanvasElement} shown
 */
export function keepLastFrame(shown) {
  const canvas = element('last-frame', HTMLCanvasElement);
  const [width, height] = shown instanceof HTMLVideoElement ? [shown.videoWidth, shown.videoHeight] : [shown.width, shown.height];
  if (width === 0 || !canvas.hidden) {
    return; // nothing was shown yet, or the frame is kept already
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.drawImage(shown, 0, 0);
  canvas.hidden = false;
}

/** The avatar is seen again, or nobody is live. */
export function dropLastFrame() {
  element('last-frame', HTMLCanvasElement).hidden = true;
}
