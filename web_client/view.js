// @ts-check
/** Puts the state on the page. `render` may be called at any time; it only touches what it shows. */

import { sparkline } from './meter.js';
import { isLocal } from './server.js';

/** @typedef {import('./state.js').State} State */

/**
 * The element with an id that index.html promises.
 * @template {Element} T
 * @param {string} id
 * @param {new (...args: never[]) => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new TypeError(`index.html has no ${kind.name} with id ${id}`);
  }
  return found;
}

const html = (/** @type {string} */ id) => element(id, HTMLElement);
const button = (/** @type {string} */ id) => element(id, HTMLButtonElement);
const image = (/** @type {string} */ id) => element(id, HTMLImageElement);
const input = (/** @type {string} */ id) => element(id, HTMLInputElement);

/** What the server calls its stages, and how a person would; in their order, and the parts of one (–) below it. */
const STAGES = {
  decode: 'Read the picture',
  track: 'See you',
  face: '– face',
  body: '– body and hands',
  skin: '– skin',
  shade: '– light',
  mouth: '– teeth and tongue',
  torso: '– clothes',
  'queue age': 'Wait for a turn',
  draw: 'Draw the avatar',
  retarget: '– take over your motion',
  guide: '– move the picture',
  generate: '– draw what is missing',
  compose: '– put it together',
  tick: '– all of it in one piece, on the GPU',
  encode: 'Encode the video',
};

/** What the server calls the memory it holds; the first that it tells is shown. */
const MEMORY = /** @type {const} */ ({
  cuda_reserved: 'GPU memory that the server reserves',
  rss: 'Server’s memory',
});

const PARTS = /** @type {const} */ ({
  camera: 'Camera encode',
  network: 'Network, both ways',
  server: 'Server',
  play: 'Play-out',
});

const PHASES = /** @type {const} */ ({
  waiting: 'Waiting for the camera…',
  calibrating: 'Calibrating',
  live: 'Live',
  lost: 'No face in view',
  stalled: 'No camera picture',
  paused: 'Paused',
});

const HINTS = {
  waiting: 'Waiting for your camera’s first picture…',
  calibrating: 'Look at the screen with a relaxed face, and hold still for a moment.',
  live: '',
  lost: 'No face is in view: come back in front of the camera.',
  stalled: 'The camera’s pictures stopped: check that it is plugged in.',
  paused: 'Paused: the avatar idles and your camera is not looked at.',
};

/** @param {State} state */
function statusWords({ link, live, phase, frozen }) {
  if (link === 'refused') return 'Not connected';
  if (link === 'lost' || frozen) return 'Reconnecting…';
  if (link === 'connecting') return 'Connecting…';
  if (live === 'starting') return 'Starting…';
  if (live === 'live') return PHASES[phase ?? 'waiting'];
  return 'Ready';
}

/** @param {number} value */
const ms = (value) => `${Math.round(value)} ms`;

/** @param {HTMLElement} target @param {string} text */
function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text; // only on change: live regions speak every time they are written to
  }
}

/** @param {HTMLImageElement} target @param {string} url */
function setSource(target, url) {
  if (url && target.getAttribute('src') !== url) {
    target.src = url;
  }
}

/** @param {string} id @param {string} icon */
const setIcon = (id, icon) => html(id).querySelector('use')?.setAttribute('href', `#i-${icon}`);

/** @param {string} id @param {boolean} on */
const press = (id, on) => html(id).setAttribute('aria-pressed', String(on));

/**
 * @param {string} id of a list
 * @param {{label: string, value: number}[]} rows milliseconds
 */
function renderBars(id, rows) {
  const list = html(id);
  const longest = Math.max(1, ...rows.map(({ value }) => value));
  while (list.children.length > rows.length) {
    list.lastElementChild?.remove();
  }
  rows.forEach(({ label, value }, index) => {
    let row = /** @type {HTMLElement | undefined} */ (list.children[index]);
    if (!row) {
      row = document.createElement('li');
      row.append(document.createElement('span'), document.createElement('span'));
      list.append(row);
    }
    row.style.setProperty('--part', String(value / longest));
    setText(/** @type {HTMLElement} */ (row.children[0]), label);
    setText(/** @type {HTMLElement} */ (row.children[1]), ms(value));
  });
}

/**
 * One row for each stage with p50, p95, p99, its part of the longest as a line below; the whole comes last.
 * @param {import('./protocol.js').Stats | null} stats
 */
function renderStages(stats) {
  const body = html('stages');
  /** @type {Record<string, import('./protocol.js').Percentiles>} */
  const stages = stats ? { ...stats.stage_ms, 'queue age': stats.queue_age_ms } : {};
  const known = Object.keys(STAGES);
  const names = Object.keys(stages).sort((a, b) => (known.indexOf(a) + 99) % 99 - (known.indexOf(b) + 99) % 99);
  const rows = names.map((name) => ({ label: /** @type {Record<string, string>} */ (STAGES)[name] ?? name, ms: stages[name] }));
  if (stats) {
    rows.push({ label: 'Frame in to frame out', ms: stats.latency_ms });
  }
  const longest = Math.max(1, ...rows.map((row) => row.ms.p50));
  while (body.children.length > rows.length) {
    body.lastElementChild?.remove();
  }
  rows.forEach(({ label, ms: { p50, p95, p99 } }, index) => {
    let row = /** @type {HTMLElement | undefined} */ (body.children[index]);
    if (!row) {
      row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      row.append(head, ...[1, 2, 3].map(() => document.createElement('td')));
      body.append(row);
    }
    row.style.setProperty('--part', String(p50 / longest));
    row.classList.toggle('part', label.startsWith('–'));
    [label, ...[p50, p95, p99].map((value) => value.toFixed(value < 9.95 ? 1 : 0))].forEach((text, column) => {
      setText(/** @type {HTMLElement} */ (/** @type {HTMLElement} */ (row).children[column]), text);
    });
  });
}

/** @param {string} id @param {import('./protocol.js').Range} range @param {(value: number) => string} words */
function renderRange(id, { min, max }, words) {
  const low = words(min);
  const high = words(max);
  setText(/** @type {HTMLElement} */ (html(id).lastElementChild), low === high ? low : `${low} – ${high}`);
}

/** @param {import('./protocol.js').Stats | null} stats */
function renderFacts(stats) {
  setText(html('sessions'), stats ? String(stats.sessions) : '–');
  const several = stats !== null && stats.sessions > 1;
  html('spread-fps').hidden = !several;
  html('spread-latency').hidden = !several;
  if (several) {
    renderRange('spread-fps', stats.spread.fps, (value) => value.toFixed(1));
    renderRange('spread-latency', stats.spread.latency_ms, ms);
  }
  const kind = stats && /** @type {(keyof typeof MEMORY)[]} */ (Object.keys(MEMORY)).find((name) => name in stats.memory_mb);
  setText(html('memory-kind'), MEMORY[kind || 'rss']);
  setText(html('memory'), stats && kind ? `${stats.memory_mb[kind]} MB` : '–');
}

/** @param {State} state */
function renderMeter({ stats, reading, fps, live }) {
  const on = live === 'live' && reading !== null;
  html('figures').hidden = !on;
  if (!on) {
    setText(html('meter-summary'), 'not live');
    return;
  }
  const total = reading.total === null ? '' : ms(reading.total);
  setText(html('figures'), `${reading.fps.toFixed(0)} fps${total && ` · ${total}`}`);
  setText(html('meter-summary'), `${reading.fps.toFixed(1)} fps${total && `, ${total}`}`);
  if (!element('meter', HTMLDetailsElement).open) {
    return;
  }
  const top = Math.max(30, ...fps);
  element('spark', SVGPolylineElement).setAttribute('points', sparkline([...fps], 280, 44, top));
  setText(html('fps-shown'), `${reading.fps.toFixed(1)} fps`);
  setText(html('fps-in'), stats ? `${stats.fps.in.toFixed(1)} fps` : '–');
  setText(html('fps-out'), stats ? `${stats.fps.out.toFixed(1)} fps` : '–');
  setText(html('drops'), stats ? String(Object.values(stats.drops).reduce((sum, each) => sum + each, 0)) : '–');
  setText(html('glass'), reading.total === null ? 'measuring…' : `about ${ms(reading.total)}`);
  const { parts } = reading;
  renderBars('way', parts ? Object.entries(PARTS).map(([name, label]) => (
    { label, value: parts[/** @type {keyof typeof PARTS} */ (name)] })) : []);
  renderStages(stats);
  renderFacts(stats);
}

/** @param {State} state */
function renderPicture({ picture, live }) {
  const { name, url, notes, next, fresh } = picture;
  setSource(image('still'), url);
  setSource(image('thumb'), next?.url ?? url);
  image('still').hidden = !url || live === 'live';
  image('still').alt = name ? `The picture ${name}` : '';
  html('picture-title').parentElement?.toggleAttribute('data-busy', next !== null);
  setText(html('picture-name'), next?.name ?? name ?? '…');
  setText(html('picture-stage'), next ? 'Preparing…' : fresh ? 'Ready' : name ? 'In use' : '');
  const list = html('picture-notes');
  list.hidden = notes.length === 0 || next !== null;
  if (list.dataset.of !== notes.join('\n')) {
    list.dataset.of = notes.join('\n');
    list.replaceChildren(...notes.map((note) => Object.assign(document.createElement('li'), { textContent: note })));
  }
}

/** @param {State} state */
function renderControls({ controls, cameras, camera, showSelf }) {
  for (const name of /** @type {const} */ (['head', 'face', 'body', 'light'])) {
    const slider = input(name);
    slider.valueAsNumber = controls[name];
    slider.style.setProperty('--fill', String(controls[name] / 2));
    const words = `${Math.round(controls[name] * 100)}%`;
    slider.setAttribute('aria-valuetext', words);
    setText(html(`${name}-value`), words);
  }
  for (const radio of document.querySelectorAll('input[name=background]')) {
    const one = /** @type {HTMLInputElement} */ (radio);
    one.checked = one.value === controls.background;
  }
  html('colour-field').hidden = controls.background !== 'colour';
  html('transparent-note').hidden = controls.background !== 'transparent';
  if (document.activeElement !== input('colour')) {
    input('colour').value = controls.colour;
  }
  input('teeth').checked = controls.teeth;
  input('show-self').checked = showSelf;
  const select = element('camera', HTMLSelectElement);
  const wanted = cameras.length > 0 ? cameras : [{ id: '', label: 'Default camera' }];
  const key = JSON.stringify(wanted);
  if (select.dataset.of !== key) {
    select.dataset.of = key;
    select.replaceChildren(...wanted.map(({ id, label }) => new Option(label, id)));
  }
  select.value = wanted.some(({ id }) => id === camera) ? camera : wanted[0].id;
}

/** @param {State} state */
function renderStage(state) {
  const { live, size, stacked, phase, progress, phaseMessage, frozen, link, recordingSince } = state;
  const stage = html('stage');
  stage.style.setProperty('--wide', String(size.width));
  stage.style.setProperty('--high', String(size.height));
  const shown = live === 'live';
  element('avatar', HTMLVideoElement).classList.toggle('unseen', !shown || stacked);
  html('cutout').hidden = !shown || !stacked;
  html('welcome').hidden = live !== 'idle';
  html('self').hidden = live === 'idle' || !state.showSelf || !state.hasPreview;
  html('drop').hidden = !state.dropping;
  const away = live !== 'idle' && (link !== 'open' || frozen);
  const words = away
    ? 'The connection is away: it is set up again by itself.'
    : live === 'idle' || phase === null || phase === 'live' ? '' : phaseMessage ?? HINTS[phase];
  html('hint').hidden = words === '';
  setText(html('hint-text'), words);
  const bar = element('hint-progress', HTMLProgressElement);
  bar.hidden = phase !== 'calibrating' || away;
  bar.value = progress;
  html('recording').hidden = recordingSince === null;
  if (recordingSince !== null) {
    const seconds = Math.floor((Date.now() - recordingSince) / 1000);
    setText(html('recording-time'), `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`);
  }
}

/** @param {State} state */
function renderDock({ live, link, microphone, controls, recordingSince, full, stacked }) {
  const running = live !== 'idle';
  setText(html('start-text'), running ? 'Stop' : 'Start');
  setIcon('start', running ? 'stop' : 'camera');
  button('start').disabled = !running && link === 'connecting';
  button('start').setAttribute('aria-label', running ? 'Stop' : 'Start');
  for (const id of ['mic', 'pause', 'calibrate', 'record']) {
    button(id).disabled = live !== 'live';
  }
  press('mic', microphone);
  setIcon('mic', microphone ? 'mic' : 'mic-off');
  press('pause', controls.paused);
  setIcon('pause', controls.paused ? 'play' : 'pause');
  press('mirror', controls.mirror);
  press('record', recordingSince !== null);
  setIcon('record', recordingSince !== null ? 'stop' : 'record');
  press('full', full);
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

/** @param {State} state */
export function render(state) {
  const { body } = document;
  body.dataset.live = state.live;
  body.dataset.link = state.link;
  body.dataset.phase = state.live === 'live' ? state.phase ?? 'waiting' : 'none';
  setText(html('status-text'), statusWords(state));
  renderStage(state);
  renderDock(state);
  renderPicture(state);
  renderControls(state);
  renderMeter(state);
  renderNotice(state);
}

/** The lines that depend only on where the page was opened. */
export function renderPlace() {
  const words = isLocal()
    ? 'Your camera is read on this computer only; nobody sees its picture, of which only teeth and tongue are drawn.'
    : `Your camera goes to ${location.hostname} to be read there; nobody sees its picture, of which only teeth and tongue are drawn.`;
  document.querySelectorAll('[data-privacy]').forEach((each) => { each.textContent = words; });
  const output = new URL(location.href);
  output.searchParams.set('view', 'output');
  output.hash = '';
  setText(html('obs-url'), output.href);
  html('obs').hidden = !isLocal();
}

/**
 * A soft glow of the picture's own colours behind the stage. It is painted once, small, and stretched: a blur by CSS is
 * computed anew for each frame of the video before it, which costs a slow machine half its frames.
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
