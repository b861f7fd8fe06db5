// @ts-check
/** The card "Framing": what the frame shows of the picture, the shape of the video, zoom and position. */

import { button, element, html, input, setText } from './dom.js';
import { bindSlider, percent, renderSlider, signed } from './sliders.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Controls} Controls */

const DEFAULT_FRAMING = /** @type {const} */ ({
  frame: 'whole', aspect: 'picture', zoom: 1, shift_x: 0, shift_y: 0, keep_in_frame: true,
});
const OWN_SIZE = 'own'; // the choice of the select for an aspect that is written as WIDTHxHEIGHT
const SIDE_LIMITS = { least: 64, most: 1920 }; // pixels, as the server has them

/** @returns {NodeListOf<HTMLInputElement>} */
const frameRadios = () => document.querySelectorAll('input[name=frame]');

/**
 * A side of the video in pixels: even, and within the limits.
 * @param {HTMLInputElement} field
 */
function sideOf(field) {
  const side = Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : SIDE_LIMITS.least;
  return Math.min(Math.max(Math.round(side / 2) * 2, SIDE_LIMITS.least), SIDE_LIMITS.most);
}

const ownSize = () => `${sideOf(input('frame-width'))}x${sideOf(input('frame-height'))}`;

/** @param {App} app */
export function bindFraming(app) {
  frameRadios().forEach((radio) => {
    radio.addEventListener('change', () => app.controls.change({ frame: /** @type {Controls['frame']} */ (radio.value) }));
  });
  const aspect = element('aspect', HTMLSelectElement);
  aspect.addEventListener('change', () => app.controls.change({ aspect: aspect.value === OWN_SIZE ? ownSize() : aspect.value }));
  for (const id of ['frame-width', 'frame-height']) {
    input(id).addEventListener('change', () => app.controls.change({ aspect: ownSize() }));
  }
  // The scale of the zoom is logarithmic: each step enlarges by the same factor.
  bindSlider(app, 'zoom', DEFAULT_FRAMING.zoom, (position) => Math.round(2 ** position * 100) / 100);
  bindSlider(app, 'shift_x', DEFAULT_FRAMING.shift_x);
  bindSlider(app, 'shift_y', DEFAULT_FRAMING.shift_y);
  const keep = input('keep_in_frame');
  keep.addEventListener('change', () => app.controls.change({ keep_in_frame: keep.checked }));
  button('reset-framing').addEventListener('click', () => app.controls.change(DEFAULT_FRAMING));
}

/**
 * @param {Controls} controls
 * @param {boolean} reframing whether the server prepares the picture for a changed frame
 */
export function renderFraming(controls, reframing) {
  frameRadios().forEach((radio) => {
    radio.checked = radio.value === controls.frame;
  });
  const aspect = element('aspect', HTMLSelectElement);
  const own = /^(\d+)x(\d+)$/.exec(controls.aspect);
  aspect.value = own ? OWN_SIZE : controls.aspect;
  html('frame-size').hidden = own === null;
  for (const [index, id] of ['frame-width', 'frame-height'].entries()) {
    if (own && document.activeElement !== input(id)) {
      input(id).value = own[index + 1];
    }
  }
  const { zoom, shift_x, shift_y } = controls;
  renderSlider('zoom', Math.log2(zoom), percent(zoom), zoom !== DEFAULT_FRAMING.zoom);
  renderSlider('shift_x', shift_x, signed(shift_x * 100), shift_x !== DEFAULT_FRAMING.shift_x);
  renderSlider('shift_y', shift_y, signed(-shift_y * 100), shift_y !== DEFAULT_FRAMING.shift_y);
  input('keep_in_frame').checked = controls.keep_in_frame;
  setText(html('framing-status'), reframing ? 'Preparing the new frame…' : '');
}
