// @ts-check
/** The card "What moves the character": a switch for each source, its state in words and its level. */

import { button, html, input, resizeChildren, setText, setWords } from './dom.js';
import { t } from './i18n.js';
import { renderMood } from './mood.js';
import { bindSlider, percent, renderSlider } from './sliders.js';
import { bindTracker, isTracked, renderTracker } from './tracker.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./state.js').State} State */

/** kind: `well` while it moves the character, `trouble` where somebody should do something. @typedef {{kind: 'off' | 'wait' | 'well' | 'trouble', words: string}} Words */

const RECONNECTS = /** @type {Words} */ ({ kind: 'wait', words: 'Reconnecting…' });
const AT_START = /** @type {Words} */ ({ kind: 'off', words: 'Opens when you start' });
const OPENS = /** @type {Words} */ ({ kind: 'wait', words: 'Opens…' });

/** @type {Record<import('./state.js').Trouble, string>} */
const TROUBLES = {
  blocked: 'Blocked by the browser',
  missing: 'Not found',
  busy: 'In use by another program',
  insecure: 'Needs localhost or HTTPS',
  failed: 'Does not open',
};

/** @type {Record<import('./messages.js').Phase, Words>} */
const CAMERA_PHASES = {
  waiting: { kind: 'wait', words: 'Waits for its first picture' },
  calibrating: { kind: 'well', words: 'Learns your resting face' },
  live: { kind: 'well', words: 'Follows your face' },
  lost: { kind: 'trouble', words: 'Your face is not seen' },
  stalled: { kind: 'trouble', words: 'No picture arrives' },
  paused: { kind: 'off', words: 'Paused: it is not read' },
};

/** @param {State} state */
const isDisconnected = ({ live, link, mediaLost }) => live === 'live' && (link !== 'open' || mediaLost);

/** @param {State} state @returns {Words} */
function cameraWords(state) {
  const { live, phase, sources, hasPreview, microphone, capture } = state;
  if (isTracked(state)) return { kind: 'off', words: sources.camera ? 'Rests: the tracker moves the character' : 'Off' };
  if (!sources.camera) {
    const rest = microphone ? 'Off: the voice takes over' : 'Off: the character idles';
    return { kind: 'off', words: live === 'idle' ? 'Off' : rest };
  }
  if (sources.cameraTrouble !== null) return { kind: 'trouble', words: TROUBLES[sources.cameraTrouble] };
  if (capture.isChecking && hasPreview) return { kind: 'well', words: 'Only you see it' };
  if (live === 'idle') return AT_START;
  if (isDisconnected(state)) return RECONNECTS;
  return hasPreview ? CAMERA_PHASES[phase ?? 'waiting'] : OPENS;
}

/** @param {State} state @returns {Words} */
function microphoneWords(state) {
  const { live, sources, microphone, speaks, capture } = state;
  const { microphoneTrouble, muted, isLoud } = sources;
  if (microphoneTrouble !== null) return { kind: 'trouble', words: TROUBLES[microphoneTrouble] };
  if (live === 'idle' && !capture.isListening) return sources.microphone ? AT_START : { kind: 'off', words: 'Off' };
  if (live !== 'idle' && !sources.microphone) return { kind: 'off', words: 'Off' };
  if (live !== 'idle' && !microphone) return OPENS;
  if (isDisconnected(state)) return RECONNECTS;
  if (muted) return { kind: 'trouble', words: 'Muted: it gives no sound' };
  if (speaks && live !== 'idle') return { kind: 'well', words: 'Hears your voice' };
  return { kind: 'off', words: isLoud ? 'Hears a sound' : 'Quiet' };
}

/** @param {State} state @returns {Words} */
function keysWords({ shortcuts, acts, live }) {
  const on = live === 'live' ? acts.on.length : 0;
  if (on > 0) return { kind: 'well', words: on === 1 ? 'One face is on' : `${on} faces are on` };
  return { kind: 'off', words: shortcuts ? 'Hold Shift and a number' : 'Off: faces by click alone' };
}

/** @param {State} state @returns {Words} */
function moodWords({ sources, mood, live }) {
  const { text, isRead, understood, unknown } = mood;
  if (!sources.mood) return { kind: 'off', words: 'Off' };
  if (text === '') return { kind: 'off', words: 'Say in English how it is' };
  if (!isRead) return { kind: 'wait', words: 'Not read yet' };
  if (unknown.length > 0) return { kind: 'trouble', words: understood.length > 0 ? 'Not all is understood' : 'Not understood' };
  if (understood.length === 0) return { kind: 'off', words: 'These words say nothing' };
  return { kind: live === 'live' ? 'well' : 'off', words: 'Understood' };
}

/**
 * Shows a level.
 * @param {string} id of the meter
 * @param {number} level 0..1
 */
export function showLevel(id, level) {
  html(id).style.setProperty('--level', level.toFixed(3));
}

/** @param {App} app */
export function bindSources(app) {
  const [camera, microphone, keys] = ['camera-on', 'microphone-on', 'keys-on'].map(input);
  camera.addEventListener('change', () => void app.devices.switchCamera(camera.checked));
  microphone.addEventListener('change', () => void app.devices.switchMicrophone(microphone.checked));
  keys.addEventListener('change', () => app.setShortcuts(keys.checked));
  bindSlider(app, 'voice', 0);
  bindTracker(app);
  html('faces-on').addEventListener('click', ({ target }) => {
    const chip = target instanceof Element && target.closest('button');
    if (chip) {
      app.acts.show(chip.dataset.face ?? '', false);
      input('keys-on').focus(); // this chip goes
    }
  });
}

/**
 * @param {string} name of a source
 * @param {boolean} isOn
 * @param {Words} state
 */
function renderSource(name, isOn, { kind, words }) {
  input(`${name}-on`).checked = isOn;
  const source = html(`${name}-source`);
  source.toggleAttribute('data-on', isOn);
  source.dataset.state = kind;
  setText(html(`${name}-state`), words);
}

/** @param {State} state */
export function renderSources(state) {
  const { live, sources, hasPreview, microphone, capture, controls, shortcuts } = state;
  renderSource('camera', sources.camera, cameraWords(state));
  renderTracker(state, renderSource);
  renderSource('microphone', sources.microphone, microphoneWords(state));
  renderSource('keys', shortcuts, keysWords(state));
  renderSource('mood', sources.mood, moodWords(state));
  renderMood(state);
  html('camera-level').hidden = !hasPreview;
  html('camera-more').hidden = !sources.camera;
  html('level').hidden = live === 'idle' ? !capture.isListening : !microphone;
  const isAlone = microphone && !sources.camera && !isTracked(state); // then it moves all of the mouth, whatever is set
  renderSlider('voice', controls.voice, isAlone ? 'All' : percent(controls.voice), controls.voice !== 0);
  renderChips(state);
}

/** The faces that are on, each of which a click takes off. @param {State} state */
function renderChips({ acts, live }) {
  const names = live === 'live' ? acts.on : [];
  html('faces-on').hidden = names.length === 0;
  const chips = resizeChildren(html('faces-on'), names.length, makeChip);
  chips.forEach((chip, index) => {
    const name = names[index];
    const label = button(`act-${name}`).textContent ?? '';
    chip.dataset.face = name;
    chip.setAttribute('aria-label', t(`Take off: ${label}`));
    setWords(/** @type {Element} */ (chip.firstElementChild), label);
  });
}

function makeChip() {
  const chip = Object.assign(document.createElement('button'), { type: 'button', className: 'chip' });
  chip.innerHTML = '<span></span><svg class="icon" aria-hidden="true"><use href="#i-close"/></svg>';
  return chip;
}
