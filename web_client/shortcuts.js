// @ts-check
/**
 * Single-key shortcuts. An element with `data-shortcut` is clicked by that key; `data-title` is its tooltip. A switch
 * turns all of them off (WCAG 2.1.4), since speech input and a hand that slips press letters by mistake.
 */

/** @param {EventTarget | null} target */
const acceptsTyping = (target) => (
  target instanceof HTMLElement && target.matches('select, input:not([type=range], [type=radio], [type=checkbox])'));

/**
 * Whether a key that was pressed may be a shortcut: nothing is typed, no dialog is open, and it is not held.
 * @param {KeyboardEvent} event
 */
export const isShortcut = ({ ctrlKey, metaKey, altKey, repeat, target }) => (
  !(ctrlKey || metaKey || altKey || repeat || acceptsTyping(target) || document.querySelector('dialog[open]')));

/**
 * Shows or hides the keys in tooltips and to assistive technology.
 * @param {boolean} enabled
 */
export function renderShortcuts(enabled) {
  for (const target of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-shortcut]'))) {
    const { shortcut = '', title = '' } = target.dataset;
    target.title = enabled ? `${title} (${shortcut.toUpperCase()})` : title;
    if (enabled) {
      target.setAttribute('aria-keyshortcuts', shortcut);
    } else {
      target.removeAttribute('aria-keyshortcuts');
    }
  }
}

/**
 * @param {object} options
 * @param {() => boolean} options.enabled
 * @param {Record<string, () => void>} options.keys what keys without an element do
 * @param {() => unknown} options.dismiss what Escape does, with shortcuts on or off
 */
export function bindShortcuts({ enabled, keys, dismiss }) {
  /** @type {Map<string, () => void>} */
  const actions = new Map(Object.entries(keys));
  for (const target of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-shortcut]'))) {
    actions.set(target.dataset.shortcut ?? '', () => target.click()); // a disabled button ignores it
  }
  document.addEventListener('keydown', (event) => {
    const { key } = event;
    if (!isShortcut(event)) {
      return;
    }
    const action = key === 'Escape' ? dismiss : enabled() ? actions.get(key.toLowerCase()) : undefined;
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
