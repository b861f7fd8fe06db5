// @ts-check
/** What is dropped on the page or pasted into it: a picture becomes the avatar, a clip becomes a film. */

import { mayBeClip } from './film.js';
import { FORMATS, mayBePicture } from './picture_formats.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./state.js').State} State */

/** The sentence over the stage while something is dragged over the page, by what it is. */
const INVITATIONS = {
  picture: 'Drop a picture to become it',
  clip: 'Drop a clip to make a film of it',
  unknown: 'Drop a picture to become it, or a clip to make a film of it',
};

/** @param {App} app */
export function bindDrops(app) {
  let depth = 0; // dragenter and dragleave come for every element that the pointer passes
  const enter = (/** @type {number} */ change, /** @type {DragEvent} */ event) => {
    depth = Math.max(0, depth + change);
    app.store.set({ dragging: depth === 0 ? null : draggedKind(app, event.dataTransfer) });
  };
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragenter', (event) => carriesFiles(event) && enter(1, event));
  document.addEventListener('dragleave', (event) => carriesFiles(event) && enter(-1, event));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    enter(-depth, event);
    take(app, event.dataTransfer);
  });
  document.addEventListener('paste', (event) => {
    if (take(app, event.clipboardData)) {
      event.preventDefault();
    }
  });
}

/**
 * What is dragged, by the types that the browser tells before the drop; it tells none for .heic, .mkv and folders.
 * @param {App} app
 * @param {DataTransfer | null} transfer
 * @returns {NonNullable<State['dragging']>}
 */
function draggedKind(app, transfer) {
  const types = [...(transfer?.items ?? [])].map(({ type }) => ({ type, name: '' }));
  if (app.state.filmMinutes === 0 || types.some(mayBePicture)) {
    return 'picture';
  }
  return types.some(mayBeClip) ? 'clip' : 'unknown';
}

/**
 * Takes the first picture of what was dropped or pasted, or else the first clip; a notice says what can be used where
 * there is neither.
 * @param {App} app
 * @param {DataTransfer | null} transfer
 * @returns {boolean} whether there was a file at all
 */
function take(app, transfer) {
  const files = [...(transfer?.files ?? [])];
  const makesFilms = app.state.filmMinutes > 0;
  const picture = files.find(mayBePicture);
  const clip = makesFilms ? files.find(mayBeClip) : undefined;
  if (!picture && clip) {
    void app.film.make(clip);
  } else if (picture || !makesFilms) {
    app.picture.usePicture(picture ?? files[0] ?? null);
  } else if (files.length > 0) {
    const text = `${files[0].name} is neither a picture nor a clip that can be used: choose a picture (${FORMATS}) or a clip (MP4, MOV, WebM or MKV).`;
    app.store.notify({ kind: 'error', about: 'picture', text });
  }
  return files.length > 0;
}

/** The sentence over the stage. @param {State} state */
export const dropInvitation = ({ dragging }) => (dragging === null ? '' : INVITATIONS[dragging]);
