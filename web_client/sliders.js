// @ts-check
/** Sliders of the panel: each sets one control, shows its value, and can be reset by its button or a double click. */

import { html, input, setWords } from './dom.js';
import { t } from './i18n.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Controls} Controls */

/**
 * Lets a slider set the control of its id.
 * @param {App} app
 * @param {keyof Controls} name of the control, and id of the slider
 * @param {number} initial value of the control to which it is reset
 * @param {(position: number) => number} [toValue] the control's value at a position of the slider
 */
export function bindSlider(app, name, initial, toValue = (position) => position) {
  const slider = input(name);
  const reset = () => app.controls.change({ [name]: initial });
  slider.addEventListener('input', () => app.controls.change({ [name]: toValue(slider.valueAsNumber) }));
  slider.addEventListener('dblclick', reset);
  slider.after(...makeEnd(name, () => {
    reset();
    slider.focus(); // the button is hidden now
  }));
}

/**
 * The reset button and the output of a slider.
 * @param {string} name
 * @param {() => void} reset
 */
function makeEnd(name, reset) {
  const output = Object.assign(document.createElement('output'), { id: `${name}-value`, htmlFor: name });
  const button = Object.assign(document.createElement('button'), { id: `${name}-reset`, type: 'button', title: t('Reset'), className: 'reset-one', onclick: reset });
  button.setAttribute('aria-label', t('Reset'));
  button.setAttribute('aria-labelledby', `${button.id} ${name}-label`);
  const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  icon.setAttribute('class', 'icon');
  icon.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', '#i-reset');
  icon.append(use);
  button.append(icon);
  return [button, output];
}

/**
 * Shows a slider's value.
 * @param {string} name
 * @param {number} position of the slider
 * @param {string} text the value in words
 * @param {boolean} changed whether there is anything to reset
 */
export function renderSlider(name, position, text, changed) {
  const slider = input(name);
  slider.valueAsNumber = position;
  const [least, most] = [Number(slider.min), Number(slider.max)];
  const ends = [position, Math.max(0, least)].map((end) => (end - least) / (most - least)); // filled from 0 to the value
  slider.style.setProperty('--from', String(Math.min(...ends)));
  slider.style.setProperty('--fill', String(Math.max(...ends)));
  slider.setAttribute('aria-valuetext', t(text));
  setWords(html(`${name}-value`), text);
  html(`${name}-reset`).classList.toggle('unneeded', !changed);
}

/** @param {number} value a factor */
export const percent = (value) => `${Math.round(value * 100)}%`;

/** @param {number} value with its sign, rounded */
export const signed = (value) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.round(Math.abs(value))}`;
