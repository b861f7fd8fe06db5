// @ts-check
/** The card "This page": its colours, which theme.js puts onto the page at the next visit, and its language. */

import { element } from './dom.js';
import { remember, remembered } from './state.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./state.js').Saved} Saved */
/** @typedef {import('./state.js').Theme} Theme */

/** @returns {NodeListOf<HTMLInputElement>} */
const themeRadios = () => document.querySelectorAll('input[name=theme]');

/** @param {App} app */
export function bindAppearance(app) {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  themeRadios().forEach((radio) => {
    radio.checked = radio.value === chosen;
    radio.addEventListener('change', () => chooseTheme(/** @type {Theme} */ (radio.value)));
  });
  const language = element('language', HTMLSelectElement);
  language.value = remembered().language ?? 'auto';
  language.addEventListener('change', () => {
    remember({ language: /** @type {Saved['language']} */ (language.value) });
    const { live, film } = app.state;
    if (live === 'idle' && (film === null || film.saved)) {
      location.reload();
    } else { // a reload would end what is live, and lose a film
      app.store.notify({ kind: 'info', about: 'language', text: 'The language changes when the page is loaded again.' });
    }
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
