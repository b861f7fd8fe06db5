// @ts-check
/** Camera and microphone: which of them, and what is checked of both before the start. */

import { button, element, html, setText } from './dom.js';
import { t } from './i18n.js';
import { CameraCheck } from './light_check.js';
import { RESOLUTIONS } from './media_devices.js';

/** @typedef {import('./devices.js').Devices} Devices */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

const PERIOD_MS = 500;

/**
 * @param {Store} store
 * @param {Devices} devices
 */
export function bindBeforeStart(store, devices) {
  const select = (/** @type {string} */ id) => element(id, HTMLSelectElement);
  select('resolution').replaceChildren(...Object.keys(RESOLUTIONS).map((name) => new Option(name.replace('x', ' × '), name)));
  select('resolution').addEventListener('change', ({ target }) => {
    const { value } = /** @type {HTMLSelectElement} */ (target);
    void devices.chooseResolution(/** @type {import('./media_devices.js').Resolution} */ (value));
  });
  select('camera').addEventListener('change', () => void devices.chooseCamera(select('camera').value));
  select('microphone').addEventListener('change', () => void devices.chooseMicrophone(select('microphone').value));
  button('check-camera').addEventListener('click', () => void devices.toggleCheck());
  button('check-level').addEventListener('click', () => void devices.toggleListening());
  const check = new CameraCheck();
  const video = element('check-video', HTMLVideoElement);
  setInterval(async () => {
    if (store.state.capture.isChecking) {
      const words = await check.judge(video);
      if (store.state.capture.isChecking && words.join() !== store.state.capture.words.join()) {
        store.merge('capture', { words });
      }
    }
  }, PERIOD_MS);
}

/**
 * Fills a list of devices and chooses one.
 * @param {string} id
 * @param {{id: string, label: string}[]} choices
 * @param {string} chosen
 */
function renderChoices(id, choices, chosen) {
  const select = element(id, HTMLSelectElement);
  const key = JSON.stringify(choices);
  if (select.dataset.rendered !== key) {
    select.dataset.rendered = key;
    select.replaceChildren(...choices.map(({ id: value, label }) => new Option(label, value)));
  }
  select.value = choices.some((device) => device.id === chosen) ? chosen : choices[0].id;
}

/**
 * The devices, or the browser's choice where none is known.
 * @param {{id: string, label: string}[]} devices
 * @param {string} label
 */
const orDefault = (devices, label) => (devices.length > 0 ? devices : [{ id: '', label }]);

/** @param {State} state */
export function renderBeforeStart({ live, cameras, camera, sources, capture, hasPreview }) {
  const { resolution, microphones, microphone, isChecking, isListening, words } = capture;
  renderChoices('camera', orDefault(cameras, t('Default camera')), camera);
  renderChoices('microphone', orDefault(microphones, t('Default microphone')), microphone);
  element('resolution', HTMLSelectElement).value = resolution;
  for (const [id, isOpen, label] of /** @type {const} */ ([
    ['check-camera', isChecking, 'Preview'], ['check-level', isListening, 'Listen'],
  ])) {
    button(id).hidden = live !== 'idle' || (id === 'check-camera' && !sources.camera);
    button(id).setAttribute('aria-pressed', String(isOpen));
    setText(button(id), isOpen ? 'Close' : label);
  }
  const video = element('check-video', HTMLVideoElement);
  const source = isChecking && hasPreview ? element('preview', HTMLVideoElement).srcObject : null;
  if (video.srcObject !== source) {
    video.srcObject = source;
  }
  html('check').hidden = source === null;
  const list = html('check-words');
  if (list.dataset.rendered !== words.join('\n')) {
    list.dataset.rendered = words.join('\n');
    list.replaceChildren(...words.map((word) => Object.assign(document.createElement('p'), { textContent: t(word) })));
  }
}
