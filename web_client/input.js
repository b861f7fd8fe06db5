// @ts-check
/** User input: clicks, keys and sliders, each bound to a method of the app. */

import { bindActs } from './acts.js';
import { bindAppearance } from './appearance.js';
import { bindBackground, nextBackground } from './background.js';
import { bindBeforeStart } from './before_start.js';
import { bindCrowd } from './crowd.js';
import { button, element, html, image, input } from './dom.js';
import { bindDrops } from './drops.js';
import { bindEffort } from './effort.js';
import { bindFilm } from './film.js';
import { bindFraming } from './framing.js';
import { bindMood } from './mood.js';
import { bindMotion } from './motion.js';
import { bindPeople } from './people.js';
import { ACCEPT } from './picture_formats.js';
import { bindPresets } from './presets.js';
import { bindProportions } from './proportions.js';
import { bindShelf, shelfKeys } from './shelf_view.js';
import { bindShortcuts } from './shortcuts.js';
import { openOutputWindow, saveSnapshot } from './snapshot.js';
import { bindSources } from './sources.js';
import { bindToolbar } from './toolbar.js';
import { bindViews } from './views.js';
import { bindVirtualCamera } from './virtual_camera.js';

/** @typedef {import('./app.js').App} App */

/** @param {App} app */
export function bindInput(app) {
  bindButtons(app);
  bindSettings(app);
  bindActs(app);
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
  bindSources(app);
  bindMood(app);
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
    mic: () => void app.devices.switchMicrophone(!app.devices.microphone.isWanted),
    pause: () => app.controls.change({ paused: !app.state.controls.paused }),
    calibrate: () => app.calibration.toggle(),
    mirror: () => app.controls.change({ mirror: !app.state.controls.mirror }),
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
