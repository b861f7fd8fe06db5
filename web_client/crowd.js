// @ts-check
/** The people in a picture with several: a click on one of them, or its key, has that one animated. */

import { html, image, setSource } from './dom.js';
import { t } from './i18n.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').HeadBox} HeadBox */
/** @typedef {import('./state.js').State} State */

/** @param {App} app */
export function bindCrowd(app) {
  html('crowd').addEventListener('click', ({ target }) => {
    const pressed = target instanceof Element ? target.closest('button') : null;
    if (pressed && app.connection.ready && app.picture.pendingName === null) {
      app.connection.send({ type: 'person', person: String(Number(pressed.dataset.index) + 1) });
    }
  });
}

/** @param {State} state */
export function renderCrowd({ picture: { url, heads, chosen, person } }) {
  const crowd = html('crowd');
  crowd.hidden = heads.length < 2;
  if (crowd.hidden) {
    return;
  }
  setSource(image('crowd-picture'), url);
  const key = JSON.stringify(heads);
  if (crowd.dataset.rendered !== key) {
    crowd.dataset.rendered = key;
    crowd.replaceChildren(image('crowd-picture'), ...heads.map(renderHead));
  }
  for (const [index, button] of [...crowd.querySelectorAll('button')].entries()) {
    button.setAttribute('aria-pressed', String(person === 'all' || index === chosen));
  }
}

/**
 * @param {HeadBox} head
 * @param {number} index
 */
function renderHead([left, top, width, height], index) {
  const button = document.createElement('button');
  const label = t(`Person ${index + 1} from the left`);
  Object.assign(button, { type: 'button', title: label, ariaLabel: label });
  button.dataset.index = String(index);
  for (const [side, share] of Object.entries({ left, top, width, height })) {
    button.style.setProperty(side, `${share * 100}%`);
  }
  return button;
}
