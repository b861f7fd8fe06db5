// @ts-check
/** Renders the shelf and binds its tiles, its list for editing, and the keys 1 to 9. */

import { button, html, input, setText, setWords } from './dom.js';
import { t } from './i18n.js';
import { MAX_NAME } from './shelf.js';

/** @typedef {import('./shelf.js').Shelf} Shelf */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').ShelfState['choices'][number]} Choice */

const KEYS = 9; // the first choices have a key
const DRAGGED = 'application/x-kagami-shelf';
const MIN_TILE = 44; // CSS pixels, for a thumb
const TILE_GAP = 6; // CSS pixels, as in picture.css

/**
 * What the keys 1 to 9 do.
 * @param {Shelf} shelf
 * @returns {Record<string, () => void>}
 */
export const shelfKeys = (shelf) => Object.fromEntries(
  Array.from({ length: KEYS }, (_, i) => [String(i + 1), () => void shelf.useIndex(i)]));

/** @param {Shelf} shelf */
export function bindShelf(shelf) {
  const tiles = html('tiles');
  const list = html('shelf-list');
  const keyOf = (/** @type {EventTarget | null} */ target) => (
    target instanceof Element ? target.closest('[data-key]')?.getAttribute('data-key') ?? '' : '');
  const places = () => shelf.store.state.shelf.choices.filter(({ own }) => own).map(({ key }) => key);

  tiles.addEventListener('click', ({ target }) => void shelf.use(keyOf(target)));
  const name = (/** @type {Event} */ event) => setWords(html('tile-name'), nameOf(shelf, keyOf(event.target)));
  tiles.addEventListener('pointerover', name);
  tiles.addEventListener('focusin', name);
  tiles.addEventListener('pointerleave', () => setWords(html('tile-name'), nameOf(shelf, keyOf(document.activeElement))));
  tiles.addEventListener('focusout', () => setWords(html('tile-name'), ''));
  tiles.addEventListener('keydown', (event) => {
    const key = keyOf(event.target);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && event.altKey && places().includes(key)) {
      event.preventDefault();
      void shelf.move(key, (index) => index + step);
    }
  });
  list.addEventListener('click', ({ target }) => {
    const action = target instanceof Element ? target.closest('button')?.dataset.action : undefined;
    const key = keyOf(target);
    if (action === 'remove') {
      void shelf.remove(key);
    } else if (action) {
      void shelf.move(key, (index) => index + (action === 'up' ? -1 : 1));
    }
  });
  list.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement) {
      void shelf.rename(keyOf(target), target.value);
    }
  });
  button('edit-shelf').addEventListener('click', () => shelf.edit(!shelf.store.state.shelf.editing));
  const arrange = () => tiles.style.setProperty('--columns', String(tileColumns(tiles.children.length, tiles.clientWidth)));
  new ResizeObserver(arrange).observe(tiles);
  new MutationObserver(arrange).observe(tiles, { childList: true });
  const samples = input('show-samples');
  samples.addEventListener('change', () => shelf.showSamples(samples.checked));
  for (const area of [tiles, list]) {
    bindDragging(area, keyOf, (dragged, place) => places().includes(place) && void shelf.move(dragged, () => places().indexOf(place)));
  }
}

/**
 * How many tiles stand in a row: in as few rows as the width allows, and so that the last row is not much shorter than
 * the others.
 * @param {number} count of tiles, from 1
 * @param {number} width of the shelf, CSS pixels
 */
export function tileColumns(count, width) {
  const most = Math.max(1, Math.floor((width + TILE_GAP) / (MIN_TILE + TILE_GAP)));
  return Math.ceil(count / Math.ceil(count / most));
}

/**
 * The full name of a tile, with its number.
 * @param {Shelf} shelf
 * @param {string} key
 */
function nameOf(shelf, key) {
  return shelf.store.state.shelf.choices.find((choice) => choice.key === key)?.name ?? '';
}

/**
 * Lets pictures of this device be dragged to another place.
 * @param {HTMLElement} area
 * @param {(target: EventTarget | null) => string} keyOf
 * @param {(dragged: string, place: string) => void} drop
 */
function bindDragging(area, keyOf, drop) {
  let dragged = '';
  area.addEventListener('dragstart', (event) => {
    dragged = keyOf(event.target);
    event.dataTransfer?.setData(DRAGGED, dragged);
  });
  area.addEventListener('dragover', (event) => {
    if (dragged) {
      event.preventDefault();
    }
  });
  area.addEventListener('drop', (event) => {
    if (dragged) {
      event.preventDefault();
      event.stopPropagation();
      drop(dragged, keyOf(event.target));
    }
  });
  area.addEventListener('dragend', () => { dragged = ''; });
}

/** @param {State} state */
export function renderShelf({ shelf, picture, shortcuts }) {
  const { choices, isLoading, isKept, samplesShown, editing } = shelf;
  const own = choices.filter((choice) => choice.own);
  html('shelf').hidden = choices.length === 0 && !isLoading;
  html('tiles').toggleAttribute('data-loading', isLoading);
  html('shelf-note').hidden = isKept || own.length === 0;
  html('shelf-options').hidden = !editing;
  html('shelf-list').hidden = !editing || own.length === 0;
  html('tiles').hidden = editing;
  html('tile-name').hidden = editing;
  input('show-samples').checked = samplesShown;
  setText(button('edit-shelf'), editing ? 'Done' : 'Edit');
  button('edit-shelf').setAttribute('aria-expanded', String(editing));
  renderList(html('tiles'), choices, makeTile);
  renderList(html('shelf-list'), own, makeRow);
  [...html('tiles').children].forEach((tile, index) => {
    tile.setAttribute('aria-pressed', String(choices[index].key === picture.key));
    const shortcut = shortcuts && index < KEYS ? String(index + 1) : '';
    tile.setAttribute('data-number', shortcut);
  });
}

/**
 * Makes the children anew where the choices changed. The focus stays on the same control of the same choice.
 * @param {HTMLElement} parent
 * @param {Choice[]} choices
 * @param {(choice: Choice, index: number, all: Choice[]) => HTMLElement} make
 */
function renderList(parent, choices, make) {
  const key = JSON.stringify(choices);
  if (parent.dataset.rendered === key) {
    return;
  }
  parent.dataset.rendered = key;
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const focusedKey = focused?.closest('[data-key]')?.getAttribute('data-key');
  const action = focused instanceof HTMLElement ? focused.dataset.action : undefined;
  const index = [...parent.children].findIndex((child) => child.contains(focused));
  parent.replaceChildren(...choices.map(make));
  if (focused) {
    const same = parent.querySelector(`[data-key="${focusedKey}"]`) ?? parent.children[Math.min(index, choices.length - 1)];
    const control = same?.querySelector(`[data-action="${action}"]:not(:disabled)`) ?? same?.querySelector('input') ?? same;
    (control instanceof HTMLElement ? control : button('edit-shelf')).focus();
  }
}

/** @param {Choice} choice */
function makeTile({ key, name, url, own }) {
  const tile = Object.assign(document.createElement('button'), { type: 'button', className: 'tile', draggable: own });
  tile.dataset.key = key;
  tile.setAttribute('aria-label', name);
  tile.append(Object.assign(document.createElement('img'), { src: url, alt: '', draggable: false }));
  return tile;
}

/**
 * @param {Choice} choice
 * @param {number} index
 * @param {Choice[]} all
 */
function makeRow({ key, name, url }, index, all) {
  const row = Object.assign(document.createElement('li'), { draggable: true });
  row.dataset.key = key;
  const field = Object.assign(document.createElement('input'), {
    type: 'text', value: name, maxLength: MAX_NAME, title: name, ariaLabel: t(`Name of ${name}`),
  });
  row.append(
    Object.assign(document.createElement('img'), { src: url, alt: '', draggable: false }),
    field,
    makeAction('up', t(`Move ${name} up`), index === 0),
    makeAction('down', t(`Move ${name} down`), index === all.length - 1),
    makeAction('remove', t(`Remove ${name}`), false),
  );
  return row;
}

/**
 * @param {'up' | 'down' | 'remove'} action
 * @param {string} label
 * @param {boolean} disabled
 */
function makeAction(action, label, disabled) {
  const made = Object.assign(document.createElement('button'), {
    type: 'button', className: 'round small plain', title: label, ariaLabel: label, disabled,
  });
  made.dataset.action = action;
  made.innerHTML = `<svg class="icon" aria-hidden="true"><use href="#i-${action === 'remove' ? 'close' : action}"/></svg>`;
  return made;
}
