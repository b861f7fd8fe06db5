// @ts-check
/** Named sets of the controls of motion, proportions, background and framing, and of the mood, kept on this device, and as files. */

import { isMoodText, isRecord } from './checks.js';
import { button, element, html, input, setWords } from './dom.js';
import { t } from './i18n.js';
import { findControlError } from './protocol.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').Controls} Controls */
/** @typedef {import('./state.js').State} State */

/** @typedef {Partial<Controls> & {mood?: string}} Preset mood: words that say how the character is; without it the mood stays */
/** @typedef {Record<string, Preset>} Presets by name */

const STORAGE_KEY = 'kagami-presets';
const FORMAT = 'kagami-presets';
const FORMAT_VERSION = 1;
const MAX_PRESETS = 40;
const MAX_NAME = 40; // characters
const MAX_FILE_BYTES = 256 * 1024;

/** A file or a name that cannot be used: `message` says why and what to do. */
export class PresetError extends Error {}

/**
 * The controls that a preset keeps: all but whether the avatar is paused, and whether a tracker moves it.
 * @param {Controls} controls
 * @returns {Partial<Controls>}
 */
export function presetOf({ paused: _, tracker: __, ...kept }) {
  return kept;
}

/**
 * Reads a file of presets.
 * @param {string} text JSON
 * @returns {Presets}
 * @throws {PresetError} where it is not such a file, or a value in it is not allowed.
 */
export function parsePresets(text) {
  /** @type {any} */
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new PresetError('This file is not JSON: choose one that this page exported.');
  }
  if (file?.format !== FORMAT || file?.version !== FORMAT_VERSION || !isRecord(file.presets)) {
    throw new PresetError('This file holds no presets of this version: choose one that this page exported.');
  }
  const entries = Object.entries(file.presets);
  if (entries.length === 0 || entries.length > MAX_PRESETS) {
    throw new PresetError(`This file holds ${entries.length} presets: it may have 1 to ${MAX_PRESETS}.`);
  }
  for (const [name, controls] of entries) {
    if (name.trim() === '' || name.length > MAX_NAME) {
      throw new PresetError(`A preset in this file has no name, or one of more than ${MAX_NAME} characters: correct it.`);
    }
    const wrong = isRecord(controls) && !('paused' in controls) ? findPresetError(controls) : 'paused';
    if (wrong !== null) {
      throw new PresetError(`The preset “${name}” has a field “${wrong.slice(0, 40)}” that is unknown or out of range: correct the file.`);
    }
  }
  return Object.fromEntries(entries);
}

/** @param {Record<string, unknown>} preset @returns {string | null} the first field that is wrong */
const findPresetError = ({ mood = '', ...controls }) => (isMoodText(mood) ? findControlError(controls) : 'mood');

/**
 * A file of presets.
 * @param {Presets} presets
 */
export const formatPresets = (presets) => `${JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, presets }, null, 2)}\n`;

/** @returns {Presets} those that are kept; none where there is no storage, or something else in it. */
function keptPresets() {
  try {
    return parsePresets(localStorage.getItem(STORAGE_KEY) ?? '');
  } catch {
    return {};
  }
}

/** The presets of this device, of which `state.presets` is the visible part. */
export class PresetShelf {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    app.store.set({ presets: keptPresets(), preset: '' });
  }

  get presets() {
    return this.app.state.presets;
  }

  /** @param {string} name */
  has(name) {
    return Object.hasOwn(this.presets, name);
  }

  /** Keeps the present controls under a name, in place of a preset that has it. @param {string} name */
  save(name) {
    const trimmed = this.#checkName(name);
    const { controls, mood, sources } = this.app.state;
    this.#keep({ ...this.presets, [trimmed]: { ...presetOf(controls), mood: sources.mood ? mood.text : '' } }, trimmed);
  }

  /** Uses a preset. @param {string} name */
  choose(name) {
    if (this.has(name)) {
      const { mood, ...controls } = this.presets[name];
      this.app.controls.change(controls);
      if (mood !== undefined) {
        this.app.mood.use(mood);
      }
      this.app.store.set({ preset: name });
    }
  }

  /** @param {string} from @param {string} to */
  rename(from, to) {
    const trimmed = this.#checkName(to);
    if (trimmed !== from && this.has(trimmed)) {
      throw new PresetError(`There is a preset “${trimmed}” already: choose another name.`);
    }
    const renamed = Object.entries(this.presets).map(([name, preset]) => [name === from ? trimmed : name, preset]);
    this.#keep(Object.fromEntries(renamed), trimmed);
  }

  /** @param {string} name */
  remove(name) {
    const { [name]: _, ...others } = this.presets;
    this.#keep(others, '');
  }

  /** Adds the presets of a file; those of the same name are replaced. @param {File} file */
  async import(file) {
    if (file.size > MAX_FILE_BYTES) {
      throw new PresetError(`${file.name} is too large for presets: choose a file that this page exported.`);
    }
    const imported = parsePresets(await file.text());
    const presets = { ...this.presets, ...imported };
    if (Object.keys(presets).length > MAX_PRESETS) {
      throw new PresetError(`There is room for ${MAX_PRESETS} presets: delete some first.`);
    }
    this.#keep(presets, '');
  }

  /** @param {string} name @returns {string} the name as it is kept */
  #checkName(name) {
    const trimmed = name.trim();
    if (trimmed === '' || trimmed.length > MAX_NAME) {
      throw new PresetError(`A preset’s name has 1 to ${MAX_NAME} characters: choose another one.`);
    }
    if (!this.has(trimmed) && Object.keys(this.presets).length >= MAX_PRESETS) {
      throw new PresetError(`There is room for ${MAX_PRESETS} presets: delete some first.`);
    }
    return trimmed;
  }

  /** @param {Presets} presets @param {string} preset the chosen one */
  #keep(presets, preset) {
    this.app.store.set({ presets, preset });
    try {
      localStorage.setItem(STORAGE_KEY, formatPresets(presets));
    } catch {
      // A private window may have no storage; the presets then last as long as the page.
    }
  }
}

/** @param {App} app */
export function bindPresets(app) {
  const shelf = app.presets;
  const name = input('preset-name');
  const select = element('preset', HTMLSelectElement);
  const file = input('preset-file');
  /** @param {() => void | Promise<void>} run */
  const attempt = async (run) => {
    try {
      app.store.dismiss('preset');
      await run();
    } catch (error) {
      app.store.notify({ kind: 'error', about: 'preset', text: error instanceof PresetError ? error.message : String(error) });
    }
  };
  select.addEventListener('change', () => {
    shelf.choose(select.value);
    name.value = select.value;
  });
  html('preset-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(() => shelf.save(name.value));
  });
  button('rename-preset').addEventListener('click', () => void attempt(() => shelf.rename(app.state.preset, name.value)));
  button('delete-preset').addEventListener('click', () => {
    shelf.remove(app.state.preset);
    name.value = '';
  });
  button('export-presets').addEventListener('click', () => download(formatPresets(shelf.presets)));
  button('import-presets').addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    const chosen = file.files?.[0];
    if (chosen) {
      void attempt(() => shelf.import(chosen));
    }
    file.value = ''; // so that the same file can be chosen again
  });
}

/** @param {string} text of the file */
function download(text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  Object.assign(document.createElement('a'), { href: url, download: 'kagami-presets.json' }).click();
  URL.revokeObjectURL(url);
}

/** @param {State} state */
export function renderPresets({ presets, preset }) {
  const names = Object.keys(presets);
  const select = element('preset', HTMLSelectElement);
  const key = JSON.stringify(names);
  if (select.dataset.rendered !== key) {
    select.dataset.rendered = key;
    select.replaceChildren(new Option(t('Choose a preset'), '', true), ...names.map((name) => new Option(name, name)));
  }
  select.value = preset;
  select.disabled = names.length === 0;
  button('rename-preset').disabled = preset === '';
  button('delete-preset').disabled = preset === '';
  button('export-presets').disabled = names.length === 0;
  setWords(html('presets-summary'), names.length === 0 ? '' : String(names.length));
}
