// @ts-check
/** The card "Motion": how strongly each part follows the driver, and by how much head and gaze turn in addition. */

import { button, input } from './dom.js';
import { bindSlider, percent, renderSlider, signed } from './sliders.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Controls} Controls */

const STRENGTHS = /** @type {const} */ ({ head: 1, face: 1, body: 1, light: 1, eyes: 1, brows: 1, mouth: 1, hands: 1 });
const TURNS = /** @type {const} */ ({ yaw: 0, pitch: 0, roll: 0, gaze_x: 0, gaze_y: 0 });
const SWITCHES = /** @type {const} */ (['follow_body', 'teeth']);
const STRENGTH_NAMES = /** @type {(keyof typeof STRENGTHS)[]} */ (Object.keys(STRENGTHS));
const TURN_NAMES = /** @type {(keyof typeof TURNS)[]} */ (Object.keys(TURNS));

/** @type {Partial<Controls>} */
const DEFAULTS = { ...STRENGTHS, ...TURNS, smoothing: 1, follow_body: true, teeth: true };

/** @param {App} app */
export function bindMotion(app) {
  for (const name of STRENGTH_NAMES) {
    bindSlider(app, name, STRENGTHS[name]);
  }
  for (const name of TURN_NAMES) {
    bindSlider(app, name, TURNS[name]);
  }
  bindSlider(app, 'smoothing', 1);
  for (const name of SWITCHES) {
    const box = input(name);
    box.addEventListener('change', () => app.controls.change({ [name]: box.checked }));
  }
  button('straighten').addEventListener('click', () => app.controls.straighten());
  button('reset').addEventListener('click', () => app.controls.change(DEFAULTS));
}

/**
 * @param {Controls} controls
 * @param {boolean} live whether the driver is seen
 */
export function renderMotion(controls, live) {
  for (const name of STRENGTH_NAMES) {
    renderSlider(name, controls[name], percent(controls[name]), controls[name] !== STRENGTHS[name]);
  }
  for (const name of TURN_NAMES) {
    renderSlider(name, controls[name], `${signed(controls[name])}°`, controls[name] !== TURNS[name]);
  }
  renderSlider('smoothing', controls.smoothing, percent(controls.smoothing), controls.smoothing !== 1);
  for (const name of SWITCHES) {
    input(name).checked = controls[name];
  }
  button('straighten').disabled = !live;
}
