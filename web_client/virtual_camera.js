// @ts-check
/** The switch of the virtual camera, on the server's own machine. */

import { html, input, setText } from './dom.js';
import { address, isLocal } from './server.js';
import { PictureError, request } from './upload.js';

/** @typedef {import('./app.js').App} App */

/** @typedef {{state: 'on' | 'off' | 'missing', message: string | null}} CameraState */

/**
 * Lets the switch turn the camera on and off, and shows which it is.
 * @param {App} app
 */
export function bindVirtualCamera(app) {
  if (!isLocal()) {
    return; // the card is hidden, and the server would refuse
  }
  const box = input('virtual-camera');
  box.addEventListener('change', () => void change(app, box.checked ? 'PUT' : 'DELETE'));
  void change(app, 'GET');
}

/**
 * @param {App} app
 * @param {'GET' | 'PUT' | 'DELETE'} method
 */
async function change(app, method) {
  const box = input('virtual-camera');
  box.disabled = true;
  try {
    const response = await request(address('api/virtual-camera'), { method }, 'The virtual camera');
    /** @type {CameraState} */
    const { state, message } = await response.json();
    box.checked = state === 'on';
    setText(html('virtual-camera-note'), message ?? '');
    if (method !== 'GET') {
      app.devices.writesObs = state === 'on'; // it must not be chosen as the page's own camera
      void app.devices.refresh();
    }
  } catch (error) {
    box.checked = false;
    setText(html('virtual-camera-note'), error instanceof PictureError ? error.message : String(error));
  }
  box.disabled = false;
}
