// @ts-check
/** The Speed card, and the short summary of it in the page's header. */

import { element, html, resizeChildren, setText } from './dom.js';
import { HISTORY_S } from './meter.js';

/** @typedef {import('./state.js').State} State */
/** @typedef {import('./messages.js').Percentiles} Percentiles */
/** @typedef {import('./messages.js').Stats} Stats */

/** Label of each stage of the server, in the order of the table. A label with a dash is part of the stage above it. */
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

/** Label of each kind of memory in `stats.memory_mb`; the first kind that is there is shown. */
const MEMORY_KINDS = /** @type {const} */ ({
  cuda_reserved: 'GPU memory that the server reserves',
  rss: 'Server’s memory',
});

/** Label of each part of the latency from camera to screen. */
const LATENCY_PARTS = /** @type {const} */ ({
  camera: 'Camera encode',
  network: 'Network, both ways',
  server: 'Server',
  play: 'Play-out',
});

const SPARKLINE = { width: 280, height: 44, minTopFps: 30 }; // the viewBox in index.html

/** @param {number} value milliseconds */
const milliseconds = (value) => `${Math.round(value)} ms`;

/** @param {number} value */
const framesPerSecond = (value) => `${value.toFixed(1)} fps`;

/**
 * Points of an SVG polyline over `values`, oldest left, newest at the right edge.
 * @param {readonly number[]} values one a second
 * @param {number} width
 * @param {number} height
 * @param {number} top the value at the upper edge
 */
function sparkline(values, width, height, top) {
  const step = width / (HISTORY_S - 1);
  const first = width - step * (values.length - 1);
  return values
    .map((value, index) => `${(first + index * step).toFixed(1)},${(height * (1 - Math.min(1, value / top))).toFixed(1)}`)
    .join(' ');
}

/** @param {import('./meter.js').LatencyParts | null} parts null: not measured yet */
function renderLatencyParts(parts) {
  const names = parts ? /** @type {(keyof typeof LATENCY_PARTS)[]} */ (Object.keys(LATENCY_PARTS)) : [];
  const values = names.map((name) => parts?.[name] ?? 0);
  const longest = Math.max(1, ...values);
  const rows = resizeChildren(html('latency-parts'), names.length, () => {
    const row = document.createElement('li');
    row.append(document.createElement('span'), document.createElement('span'));
    return row;
  });
  rows.forEach((row, index) => {
    row.style.setProperty('--share', String(values[index] / longest));
    setText(row.children[0], LATENCY_PARTS[names[index]]);
    setText(row.children[1], milliseconds(values[index]));
  });
}

/** Sorts by the order of STAGES; stages that it does not list come last. @param {string} a @param {string} b */
function compareStages(a, b) {
  const known = Object.keys(STAGES);
  const rank = (/** @type {string} */ name) => (known.includes(name) ? known.indexOf(name) : known.length);
  return rank(a) - rank(b);
}

/**
 * One row for each stage with p50, p95, p99 and its p50 as a line below, relative to the longest stage; the last row is
 * the whole latency within the server.
 * @param {Stats | null} stats
 */
function renderStages(stats) {
  /** @type {Record<string, Percentiles>} */
  const stages = stats ? { ...stats.stage_ms, 'queue age': stats.queue_age_ms } : {};
  const entries = Object.keys(stages).sort(compareStages).map((name) => (
    { label: /** @type {Record<string, string>} */ (STAGES)[name] ?? name, percentiles: stages[name] }));
  if (stats) {
    entries.push({ label: 'Frame in to frame out', percentiles: stats.latency_ms });
  }
  const longest = Math.max(1, ...entries.map(({ percentiles }) => percentiles.p50));
  const rows = resizeChildren(html('stages'), entries.length, () => {
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    row.append(head, ...[1, 2, 3].map(() => document.createElement('td')));
    return row;
  });
  entries.forEach(({ label, percentiles: { p50, p95, p99 } }, index) => {
    const row = rows[index];
    row.style.setProperty('--share', String(p50 / longest));
    row.classList.toggle('part', label.startsWith('–'));
    [label, ...[p50, p95, p99].map((value) => value.toFixed(value < 9.95 ? 1 : 0))].forEach((text, column) => {
      setText(row.children[column], text);
    });
  });
}

/**
 * @param {string} id of a row whose last child shows the range
 * @param {import('./messages.js').Range} range
 * @param {(value: number) => string} format
 */
function renderRange(id, { min, max }, format) {
  const low = format(min);
  const high = format(max);
  const cell = html(id).lastElementChild;
  if (cell) {
    setText(cell, low === high ? low : `${low} – ${high}`);
  }
}

/** @param {Stats | null} stats */
function renderServer(stats) {
  setText(html('sessions'), stats ? String(stats.sessions) : '–');
  const several = stats !== null && stats.sessions > 1;
  html('spread-fps').hidden = !several;
  html('spread-latency').hidden = !several;
  if (several) {
    renderRange('spread-fps', stats.spread.fps, (value) => value.toFixed(1));
    renderRange('spread-latency', stats.spread.latency_ms, milliseconds);
  }
  setText(html('device'), stats?.device.name ?? '–');
  const kinds = /** @type {(keyof typeof MEMORY_KINDS)[]} */ (Object.keys(MEMORY_KINDS));
  const kind = kinds.find((name) => stats && name in stats.memory_mb);
  setText(html('memory-kind'), MEMORY_KINDS[kind ?? 'rss']);
  setText(html('memory'), stats && kind ? `${stats.memory_mb[kind]} MB` : '–');
}

/** @param {State} state */
export function renderSpeed(state) {
  const { stats, reading, fps, live } = state;
  const measured = live === 'live' && reading !== null;
  html('speed-summary').hidden = !measured;
  if (!measured) {
    setText(html('speed-card-summary'), 'not live');
    return;
  }
  const total = reading.total === null ? '' : milliseconds(reading.total);
  setText(html('speed-summary'), `${reading.fps.toFixed(0)} fps${total && ` · ${total}`}`);
  setText(html('speed-card-summary'), `${framesPerSecond(reading.fps)}${total && `, ${total}`}`);
  if (!element('speed', HTMLDetailsElement).open) {
    return;
  }
  const top = Math.max(SPARKLINE.minTopFps, ...fps);
  element('sparkline', SVGPolylineElement).setAttribute('points', sparkline(fps, SPARKLINE.width, SPARKLINE.height, top));
  setText(html('fps-shown'), framesPerSecond(reading.fps));
  setText(html('fps-in'), stats ? framesPerSecond(stats.fps.in) : '–');
  setText(html('fps-out'), stats ? framesPerSecond(stats.fps.out) : '–');
  setText(html('drops'), stats ? String(Object.values(stats.drops).reduce((sum, count) => sum + count, 0)) : '–');
  setText(html('latency'), total ? `about ${total}` : 'measuring…');
  renderLatencyParts(reading.parts);
  renderStages(stats);
  renderServer(stats);
}
