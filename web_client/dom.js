// @ts-check
/** Access to the elements of index.html by id, and updates that touch the document only when a value changed. */

import { t } from './i18n.js';

/**
 * The element of index.html with this id.
 * @template {Element} T
 * @param {string} id
 * @param {new (...args: never[]) => T} kind the expected class
 * @returns {T}
 * @throws {TypeError} where there is none, or one of another class.
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new TypeError(`index.html has no ${kind.name} with id ${id}`);
  }
  return found;
}

export const html = (/** @type {string} */ id) => element(id, HTMLElement);
export const button = (/** @type {string} */ id) => element(id, HTMLButtonElement);
export const image = (/** @type {string} */ id) => element(id, HTMLImageElement);
export const input = (/** @type {string} */ id) => element(id, HTMLInputElement);

/**
 * Writes a name, or other words that are in no catalogue, only on change: a screen reader announces every write to a
 * live region.
 * @param {Element} target
 * @param {string} words
 */
export function setWords(target, words) {
  if (target.textContent !== words) {
    target.textContent = words;
  }
}

/**
 * Writes an English text in the page's language.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  setWords(target, t(text));
}

/**
 * @param {HTMLImageElement} target
 * @param {string} url '' leaves the image as it is
 */
export function setSource(target, url) {
  if (url && target.getAttribute('src') !== url) {
    target.src = url;
  }
}

/**
 * @param {string} id of the element that holds the icon
 * @param {string} icon name of a symbol of index.html, without its `i-`
 */
export const setIcon = (id, icon) => html(id).querySelector('use')?.setAttribute('href', `#i-${icon}`);

/**
 * @param {string} id of a toggle button
 * @param {boolean} pressed
 */
export const setPressed = (id, pressed) => html(id).setAttribute('aria-pressed', String(pressed));

/**
 * Gives a parent exactly `count` children: removes the last ones, or appends new ones.
 * @template {HTMLElement} T
 * @param {HTMLElement} parent all of whose children were made here
 * @param {number} count
 * @param {() => T} make
 * @returns {T[]}
 */
export function resizeChildren(parent, count, make) {
  while (parent.children.length > count) {
    parent.lastElementChild?.remove();
  }
  while (parent.children.length < count) {
    parent.append(make());
  }
  return /** @type {T[]} */ ([...parent.children]);
}
