// @ts-check
/** The card "Proportions": how long the character's bones are, against those of the picture. */

import { button } from './dom.js';
import { bindSlider, percent, renderSlider } from './sliders.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Controls} Controls */

const OWN_BONES = /** @type {const} */ ({ shoulders: 1, torso: 1, arms: 1, legs: 1 });
const NAMES = /** @type {(keyof typeof OWN_BONES)[]} */ (Object.keys(OWN_BONES));

/** @param {App} app */
export function bindProportions(app) {
  for (const name of NAMES) {
    bindSlider(app, name, OWN_BONES[name]);
  }
  button('reset-proportions').addEventListener('click', () => app.controls.change(OWN_BONES));
}

/** @param {Controls} controls */
export function renderProportions(controls) {
  for (const name of NAMES) {
    renderSlider(name, controls[name], percent(controls[name]), controls[name] !== OWN_BONES[name]);
  }
}
