// @ts-check
/** The card "This page": its colours. theme.js puts the kept choice onto the page at the next visit. */

import { remember } from './state.js';

/** @typedef {import('./state.js').Theme} Theme */

/** @returns {NodeListOf<HTMLInputElement>} */
const themeRadios = () => document.querySelectorAll('input[name=theme]');

export function bindAppearance() {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  themeRadios().forEach((radio) => {
    radio.checked = radio.value === chosen;
    radio.addEventListener('change', () => chooseTheme(/** @type {Theme} */ (radio.value)));
  });
}

/** @param {Theme} theme */
function chooseTheme(theme) {
  remember({ theme });
  if (theme === 'system') {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}
