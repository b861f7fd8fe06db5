// @ts-check
/** Several people: which one of those before the camera is followed, and which one of the picture, or all, are animated. */

import { element, html } from './dom.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

const select = (/** @type {string} */ id) => element(id, HTMLSelectElement);

/** @param {App} app */
export function bindPeople(app) {
  select('who').addEventListener('change', () => app.controls.change({ who: select('who').value }));
  select('person').addEventListener('change', () => {
    if (app.connection.ready) {
      app.connection.send({ type: 'person', person: select('person').value });
    }
  });
}

/** @param {State} state */
export function renderPeople({ controls, people, picture }) {
  html('who-field').hidden = picture.person === 'all' || (people < 2 && controls.who === 'largest');
  html('person-field').hidden = picture.people < 2;
  renderChoice('who', controls.who, Infinity);
  renderChoice('person', picture.person, picture.people);
}

/**
 * @param {string} id of a select
 * @param {string} value
 * @param {number} people how many there are to choose from
 */
function renderChoice(id, value, people) {
  const field = select(id);
  for (const option of field.options) {
    option.hidden = Number(option.value) >= people; // the last from the left is the first from the right
  }
  if (document.activeElement !== field) {
    field.value = value === '1' ? 'left' : value;
  }
}

/** Says once for each time live that several people are seen. */
export class PeopleNotice {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.said = false;
  }

  /**
   * Called at each rendering, because people may be seen before the first frame is shown, or while another notice is.
   * @param {State} state
   */
  update({ live, people, notice, picture }) {
    if (live !== 'live') {
      this.said = false;
    } else if (people > 1 && !this.said && notice === null && picture.person !== 'all') {
      this.said = true;
      this.store.notify({ kind: 'info', about: 'people', text: 'Several people are seen: one of them is followed, and you choose who under Camera.' });
    }
  }
}
