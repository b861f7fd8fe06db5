// @ts-check
/** Renders the state into the page. `render` is idempotent and may be called at any time. */

import { renderActs } from './acts.js';
import { renderBackground } from './background.js';
import { renderBeforeStart } from './before_start.js';
import { renderCountdown } from './calibration.js';
import { button, element, html, image, input, setIcon, setPressed, setSource, setText, setWords } from './dom.js';
import { dropInvitation } from './drops.js';
import { renderFilm } from './film.js';
import { renderEffort } from './effort.js';
import { renderFraming } from './framing.js';
import { t } from './i18n.js';
import { renderMotion } from './motion.js';
import { renderCrowd } from './crowd.js';
import { renderPeople } from './people.js';
import { renderPresets } from './presets.js';
import { renderProportions } from './proportions.js';
import { renderRecording } from './recorder.js';
import { isLocal } from './server.js';
import { renderServerRecording } from './server_recording.js';
import { renderShelf } from './shelf_view.js';
import { renderShortcuts } from './shortcuts.js';
import { renderSources } from './sources.js';
import { renderSpeed } from './speed.js';
import { isTracked } from './tracker.js';
import { renderViews } from './views.js';

/** @typedef {import('./state.js').State} State */

/** The status in the header, by phase. */
const PHASES = /** @type {const} */ ({
  waiting: 'Waiting for the camera…',
  calibrating: 'Calibrating',
  live: 'Live',
  lost: 'No face in view',
  stalled: 'No camera picture',
  paused: 'Paused',
});

/** The hint over the avatar, by phase, where the server sends no sentence of its own. */
const HINTS = {
  waiting: 'Waiting for your camera’s first picture…',
  calibrating: 'Look at the screen with a relaxed face, and hold still for a moment.',
  live: '',
  lost: '',
  stalled: '',
  paused: 'Paused: the avatar idles, and your camera is not read.',
};

/**
 * The phase, which without the camera is that of a live avatar: nothing is waited for.
 * @param {State} state
 */
const phaseOf = ({ phase, sources }) => (!sources.camera && phase !== null && phase !== 'paused' ? 'live' : phase);

/** @param {State} state */
function statusText(state) {
  const { link, live, mediaLost } = state;
  const phase = phaseOf(state);
  if (link === 'refused') return 'Not connected';
  if (link === 'lost' || mediaLost) return 'Reconnecting…';
  if (link === 'connecting') return 'Connecting…';
  if (live === 'starting') return 'Starting…';
  if (live === 'live') return PHASES[phase ?? 'waiting'];
  return 'Ready';
}

/** @param {State} state */
function renderPicture({ picture, live }) {
  const { name, url, thumbnail, notes, pending, views } = picture;
  const preparing = pending !== null || views.some((view) => view.pending);
  setSource(image('still'), url);
  setSource(image('thumb'), pending?.thumbnail ?? thumbnail);
  image('still').hidden = !url || live === 'live';
  image('still').alt = name ? t(`The picture ${name}`) : '';
  html('picture-card').toggleAttribute('data-busy', pending !== null);
  setWords(html('picture-name'), (pending?.name ?? name) || '…');
  html('picture-name').title = pending?.name ?? name;
  setText(html('picture-stage'), preparing ? 'Preparing…' : name ? 'In use' : '');
  const list = html('picture-notes');
  list.hidden = notes.length === 0 || pending !== null;
  if (list.dataset.rendered !== notes.join('\n')) {
    list.dataset.rendered = notes.join('\n');
    list.replaceChildren(...notes.map((note) => Object.assign(document.createElement('li'), { textContent: t(note) })));
  }
}

/** @param {State} state */
function renderControls({ phase, controls, showSelf, shortcuts }) {
  renderMotion(controls, phase === 'live');
  renderProportions(controls);
  input('show-self').checked = showSelf;
  input('use-shortcuts').checked = shortcuts;
  renderShortcuts(shortcuts);
}

/** @param {State} state */
function renderStage(state) {
  const { live, size, stacked, progress, phaseMessage, mediaLost, link } = state;
  const phase = phaseOf(state);
  const stage = html('stage');
  stage.style.setProperty('--picture-width', String(size.width));
  stage.style.setProperty('--picture-height', String(size.height));
  const shown = live === 'live';
  element('avatar', HTMLVideoElement).classList.toggle('invisible', !shown || stacked);
  html('cutout').hidden = !shown || !stacked;
  html('welcome').hidden = live !== 'idle';
  html('self').hidden = live === 'idle' || !state.showSelf || !state.hasPreview;
  html('drop').hidden = state.dragging === null;
  setText(html('drop-text'), dropInvitation(state));
  const disconnected = live !== 'idle' && (link !== 'open' || mediaLost);
  const hint = disconnected
    ? link === 'open' ? 'The connection is lost: it is set up again by itself.' : '' // else a notice says so
    : live === 'idle' || phase === null || phase === 'live' ? '' : phaseMessage ?? HINTS[phase];
  html('hint').hidden = hint === '';
  setText(html('hint-text'), hint);
  const bar = element('hint-progress', HTMLProgressElement);
  bar.hidden = phase !== 'calibrating' || disconnected;
  bar.value = progress;
}

/** @param {State} state */
function renderDock(state) {
  const { live, link, microphone, sources, controls, fullScreen, stacked } = state;
  const running = live !== 'idle';
  setText(html('start-text'), running ? 'Stop' : 'Start');
  setIcon('start', running ? 'stop' : 'camera');
  button('start').disabled = !running && link === 'connecting';
  button('start').setAttribute('aria-label', t(running ? 'Stop' : 'Start'));
  for (const id of ['mic', 'pause', 'calibrate', 'snapshot']) {
    button(id).disabled = live !== 'live' || (id === 'calibrate' && !sources.camera && !isTracked(state));
  }
  setPressed('mic', microphone);
  setIcon('mic', microphone ? 'mic' : 'mic-off');
  setPressed('pause', controls.paused);
  setIcon('pause', controls.paused ? 'play' : 'pause');
  setPressed('mirror', controls.mirror);
  setPressed('full', fullScreen);
  document.body.dataset.background = stacked ? 'clear' : 'solid';
}

/** @param {State} state */
function renderNotice({ notice }) {
  const box = html('notice');
  box.hidden = notice === null;
  if (notice === null) {
    setText(html('notice-text'), '');
    return;
  }
  box.dataset.kind = notice.kind;
  setText(html('notice-text'), notice.text);
  const action = button('notice-action');
  action.hidden = !notice.action;
  setText(action, notice.action?.label ?? '');
  action.onclick = notice.action?.run ?? null;
}

/**
 * Renders the whole state.
 * @param {State} state
 */
export function render(state) {
  const { body } = document;
  body.dataset.live = state.live;
  body.dataset.link = state.link;
  body.dataset.phase = state.live === 'live' ? phaseOf(state) ?? 'waiting' : 'none';
  setText(html('status-text'), statusText(state));
  renderStage(state);
  renderDock(state);
  renderRecording(state);
  renderCountdown(state);
  renderPicture(state);
  renderShelf(state);
  renderViews(state);
  renderBackground(state);
  renderFilm(state);
  renderPresets(state);
  renderControls(state);
  renderPeople(state);
  renderCrowd(state);
  renderBeforeStart(state);
  renderSources(state);
  renderFraming(state.controls, state.reframing);
  renderSpeed(state);
  renderEffort(state);
  renderServerRecording(state);
  renderActs(state);
  renderNotice(state);
}

/** Renders what depends only on the page's address: the privacy sentence and the address for OBS. */
export function renderLocation() {
  const camera = isLocal()
    ? 'Nobody sees your camera: it stays on this computer.'
    : `Your camera goes to ${location.hostname}, which shows it to nobody.`;
  const text = `${camera} Only your teeth and tongue are copied into the picture; switch that off under Motion.`;
  document.querySelectorAll('[data-privacy]').forEach((target) => setText(target, text));
  const output = new URL(location.href);
  output.searchParams.set('view', 'output');
  output.hash = '';
  setWords(html('obs-url'), output.href);
  html('obs').hidden = !isLocal();
}

/**
 * Paints a glow in the picture's colours behind the stage, once and at a low resolution. A CSS blur would be computed again
 * for each video frame in front of it, which halves the frame rate of a slow machine.
 */
export function renderAmbient() {
  const canvas = element('ambient', HTMLCanvasElement);
  const still = image('still');
  const context = canvas.getContext('2d');
  if (!context || still.naturalWidth === 0) {
    return;
  }
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.filter = 'blur(5px) saturate(1.25)'; // browsers without it show a plainer glow
  context.drawImage(still, width * 0.16, height * 0.16, width * 0.68, height * 0.68);
}
