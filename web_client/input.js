// @ts-check
/** What people do: clicks, keys, sliders, drops and pastes, each handed to the app. */

import { fromTransfer } from './picture.js';
import { remember } from './state.js';
import { element } from './view.js';

/** @typedef {import('./app.js').App} App */

/** @param {App} app */
export function bind(app) {
  const file = element('file', HTMLInputElement);
  const shortcuts = element('shortcuts', HTMLDialogElement);
  /** @type {Record<string, () => void>} */
  const actions = {
    start: () => app.toggleLive(),
    mic: () => void app.toggleMicrophone(),
    pause: () => app.control({ paused: !app.state.controls.paused }),
    calibrate: () => app.calibrate(),
    mirror: () => app.control({ mirror: !app.state.controls.mirror }),
    record: () => app.toggleRecording(),
    full: () => void app.toggleFull(),
    choose: () => file.click(),
    help: () => shortcuts.showModal(),
    reset: () => app.control({ head: 1, face: 1, body: 1, light: 1, teeth: true }),
    copy: () => void copyAddress(app),
    'notice-close': () => app.dismiss(),
  };
  for (const [id, run] of Object.entries(actions)) {
    element(id, HTMLButtonElement).addEventListener('click', run);
  }

  for (const name of /** @type {const} */ (['head', 'face', 'body', 'light'])) {
    const slider = element(name, HTMLInputElement);
    slider.addEventListener('input', () => app.control({ [name]: slider.valueAsNumber }));
    slider.addEventListener('dblclick', () => app.control({ [name]: 1 }));
  }
  const teeth = element('teeth', HTMLInputElement);
  teeth.addEventListener('change', () => app.control({ teeth: teeth.checked }));
  document.querySelectorAll('input[name=background]').forEach((radio) => {
    radio.addEventListener('change', () => {
      const { value } = /** @type {HTMLInputElement} */ (radio);
      app.control({ background: /** @type {import('./protocol.js').Background} */ (value) });
    });
  });
  const colour = element('colour', HTMLInputElement);
  colour.addEventListener('input', () => app.control({ background: 'colour', colour: colour.value }));
  const camera = element('camera', HTMLSelectElement);
  camera.addEventListener('change', () => void app.chooseCamera(camera.value));
  const showSelf = element('show-self', HTMLInputElement);
  showSelf.addEventListener('change', () => {
    remember({ showSelf: showSelf.checked });
    app.set({ showSelf: showSelf.checked });
  });
  element('meter', HTMLDetailsElement).addEventListener('toggle', () => app.set({}));
  file.addEventListener('change', () => {
    void app.wear(file.files?.[0] ?? null);
    file.value = ''; // so that the same file can be chosen again
  });

  bindKeys({
    s: actions.start, m: actions.mic, p: actions.pause, c: actions.calibrate, x: actions.mirror, r: actions.record,
    f: actions.full, u: actions.choose, b: () => app.nextBackground(), '?': actions.help, Escape: () => app.dismiss(),
  }, app, shortcuts);
  bindDrops(app);
  document.addEventListener('paste', (event) => {
    const picture = fromTransfer(event.clipboardData);
    if (picture) {
      event.preventDefault();
      void app.wear(picture);
    }
  });
  document.addEventListener('fullscreenchange', () => app.set({ full: document.fullscreenElement !== null }));
  navigator.mediaDevices?.addEventListener('devicechange', () => void app.refreshCameras());
  window.addEventListener('online', () => app.connection.hurry());
  window.addEventListener('pagehide', () => app.connection.close());
  window.addEventListener('pageshow', (event) => event.persisted && location.reload());
}

/**
 * @param {Record<string, () => void>} keys
 * @param {App} app
 * @param {HTMLDialogElement} dialog
 */
function bindKeys(keys, app, dialog) {
  const liveOnly = 'mpcr';
  document.addEventListener('keydown', (event) => {
    const { target, key, repeat } = event;
    const typing = target instanceof HTMLElement && target.matches('select, input:not([type=range], [type=radio], [type=checkbox])');
    if (dialog.open || typing || repeat || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const run = keys[key.length === 1 ? key.toLowerCase() : key];
    if (run && (app.state.live === 'live' || !liveOnly.includes(key.toLowerCase()))) {
      event.preventDefault();
      run();
    }
  });
}

/** @param {App} app */
function bindDrops(app) {
  let depth = 0; // dragenter and dragleave come for every element passed over
  const hover = (/** @type {number} */ change) => {
    depth = Math.max(0, depth + change);
    app.set({ dropping: depth > 0 });
  };
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragenter', (event) => carriesFiles(event) && hover(1));
  document.addEventListener('dragleave', (event) => carriesFiles(event) && hover(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    hover(-depth);
    void app.wear(fromTransfer(event.dataTransfer));
  });
}

/** @param {App} app */
async function copyAddress(app) {
  const code = element('obs-url', HTMLElement);
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    app.notify({ kind: 'info', about: 'obs', text: 'The address is copied: paste it into an OBS browser source.' });
  } catch {
    getSelection()?.selectAllChildren(code);
    app.notify({ kind: 'info', about: 'obs', text: 'The address is selected: copy it with Ctrl+C.' });
  }
}
