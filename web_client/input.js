// @ts-check
/** User input: clicks, keys, sliders, dropped and pasted files, each bound to a method of the app. */

import { bindAppearance } from './appearance.js';
import { bindBackground, nextBackground } from './background.js';
import { bindBeforeStart } from './before_start.js';
import { button, element, html, image, input } from './dom.js';
import { bindFilm, mayBeClip } from './film.js';
import { bindEffort } from './effort.js';
import { bindFraming } from './framing.js';
import { bindMotion } from './motion.js';
import { fromTransfer } from './picture.js';
import { bindCrowd } from './crowd.js';
import { bindPeople } from './people.js';
import { ACCEPT } from './picture_formats.js';
import { bindPresets } from './presets.js';
import { bindProportions } from './proportions.js';
import { bindShelf, shelfKeys } from './shelf_view.js';
import { bindShortcuts } from './shortcuts.js';
import { openOutputWindow, saveSnapshot } from './snapshot.js';
import { bindToolbar } from './toolbar.js';
import { bindViews } from './views.js';
import { bindVirtualCamera } from './virtual_camera.js';

/** @typedef {import('./app.js').App} App */

/** @param {App} app */
export function bindInput(app) {
  bindButtons(app);
  bindSettings(app);
  bindMotion(app);
  bindBackground(app);
  bindFilm(app);
  bindPresets(app);
  bindVirtualCamera(app);
  bindFraming(app);
  bindEffort(app);
  bindPeople(app);
  bindCrowd(app);
  bindProportions(app);
  bindBeforeStart(app.store, app.devices);
  bindToolbar(html('dock'), button('start'));
  bindShortcuts({
    enabled: () => app.state.shortcuts,
    keys: { b: () => nextBackground(app), ...shelfKeys(app.shelf) },
    dismiss: () => cancelCountdown(app) || app.store.dismiss(),
  });
  bindDrops(app);
  bindShelf(app.shelf);
  bindAppearance(app);
  bindViews(app.picture.views);
  document.addEventListener('paste', (event) => {
    const file = fromTransfer(event.clipboardData);
    if (file) {
      event.preventDefault();
      takeFile(app, file);
    }
  });
  document.addEventListener('fullscreenchange', () => app.store.set({ fullScreen: document.fullscreenElement !== null }));
  navigator.mediaDevices?.addEventListener('devicechange', () => void app.devices.refresh());
  window.addEventListener('online', () => app.connection.retryNow());
  window.addEventListener('pagehide', () => app.leave());
  window.addEventListener('pageshow', (event) => event.persisted && location.reload());
}

/** @param {App} app @returns {boolean} whether there was one */
const cancelCountdown = (app) => app.avatar.recording.cancelCountdown() || app.calibration.cancel();

/** @param {App} app */
function bindButtons(app) {
  /** @type {Record<string, () => void>} */
  const actions = {
    start: () => app.toggleLive(),
    mic: () => void app.devices.toggleMicrophone(),
    pause: () => app.control({ paused: !app.state.controls.paused }),
    calibrate: () => app.calibration.toggle(),
    mirror: () => app.control({ mirror: !app.state.controls.mirror }),
    record: () => app.avatar.recording.toggle(),
    snapshot: () => void saveSnapshot(app.store, app.avatar.shown),
    output: () => openOutputWindow(app.store),
    full: () => void app.avatar.toggleFullScreen(),
    choose: () => input('file').click(),
    help: () => element('shortcuts', HTMLDialogElement).showModal(),
    copy: () => void copyAddress(app),
    'countdown-cancel': () => cancelCountdown(app),
    'notice-close': () => app.store.dismiss(),
  };
  for (const [id, run] of Object.entries(actions)) {
    button(id).addEventListener('click', run);
  }
}

/** @param {App} app */
function bindSettings(app) {
  const showSelf = input('show-self');
  showSelf.addEventListener('change', () => app.setShowSelf(showSelf.checked));
  const shortcuts = input('use-shortcuts');
  shortcuts.addEventListener('change', () => app.setShortcuts(shortcuts.checked));
  element('speed', HTMLDetailsElement).addEventListener('toggle', () => app.store.set({})); // renders its content
  const file = input('file');
  file.accept = ACCEPT;
  image('thumb').addEventListener('error', () => app.picture.shown.handleUnshown());
  file.addEventListener('change', () => {
    app.picture.usePicture(file.files?.[0] ?? null);
    file.value = ''; // so that the same file can be chosen again
  });
}

/** @param {App} app */
function bindDrops(app) {
  let depth = 0; // dragenter and dragleave come for every element that the pointer passes
  const enter = (/** @type {number} */ change, /** @type {DragEvent} */ event) => {
    depth = Math.max(0, depth + change);
    const isClip = [...(event.dataTransfer?.items ?? [])].some(({ type }) => type.startsWith('video/'));
    app.store.set({ dragging: depth === 0 ? null : isClip ? 'clip' : 'picture' });
  };
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragenter', (event) => carriesFiles(event) && enter(1, event));
  document.addEventListener('dragleave', (event) => carriesFiles(event) && enter(-1, event));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    enter(-depth, event);
    takeFile(app, fromTransfer(event.dataTransfer));
  });
}

/**
 * Takes what was dropped or pasted: a clip becomes a film, everything else the picture.
 * @param {App} app
 * @param {File | null} file
 */
function takeFile(app, file) {
  if (file && mayBeClip(file) && app.state.filmMinutes > 0) {
    void app.film.make(file);
  } else {
    app.picture.usePicture(file);
  }
}

/** @param {App} app */
async function copyAddress(app) {
  const code = html('obs-url');
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    app.store.notify({ kind: 'info', about: 'obs', text: 'The address is copied: paste it into an OBS browser source.' });
  } catch {
    getSelection()?.selectAllChildren(code);
    app.store.notify({ kind: 'info', about: 'obs', text: 'The address is selected: copy it with Ctrl+C.' });
  }
}
