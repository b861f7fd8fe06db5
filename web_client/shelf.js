// @ts-check
/**
 * The shelf: pictures kept on this device, the samples, and the picture that the server was started with. A click or a
 * key from 1 to 9 wears one of them; the former character moves until the new one is prepared.
 */

import { t } from './i18n.js';
import { START } from './picture.js';
import { fetchSample, listSamples, sampleThumbnail } from './samples.js';
import { address } from './server.js';
import { ShelfFullError, ShelfStore } from './shelf_store.js';
import { remember } from './state.js';

/** @typedef {import('./picture.js').Character} Character */
/** @typedef {import('./picture.js').ReferencePicture} ReferencePicture */
/** @typedef {import('./samples.js').Sample} Sample */
/** @typedef {import('./shelf_store.js').Entry} Entry */
/** @typedef {import('./store.js').Store} Store */

const OWN = 'own-';
const SAMPLE = 'sample-';
const UNKEPT = 'unkept';
const WORN_KEY = 'kagami-picture'; // in sessionStorage: what this tab wears, for a reload
export const MAX_NAME = 60; // characters

export class Shelf {
  /**
   * @param {Store} store
   * @param {ReferencePicture} picture
   */
  constructor(store, picture) {
    this.store = store;
    this.picture = picture;
    this.kept = new ShelfStore();
    /** @type {Sample[]} */
    this.samples = [];
    /** Samples that were fetched, by name. @type {Map<string, File>} */
    this.sampleFiles = new Map();
    /** Object URLs of the entries' thumbnails, by the entries. @type {Map<Blob, string>} */
    this.urls = new Map();
    /** The server's own picture, small. @type {{name: string, url: string} | null} */
    this.start = null;
    /** Ends once each new picture that was in use is kept, or found to have no room. @type {Promise<unknown>} */
    this.keeping = Promise.resolve();
    picture.onWorn = (character) => void this.#handleWorn(character);
    picture.onViews = (views) => void this.#keepChanges({ views });
    picture.onOptions = (options) => void this.#keepChanges({ options });
  }

  /** Key of what this tab wore before it was reloaded; null: a picture that is not on the shelf. */
  get wornKey() {
    const worn = readWorn();
    return worn === UNKEPT ? null : worn ?? START;
  }

  /** Reads what is kept, and wears what this tab wore before it was reloaded. */
  async load() {
    const { choices } = this.picture;
    const worn = readWorn() ?? '';
    const samples = listSamples();
    await this.kept.load();
    this.#show();
    if (this.#own(worn) && this.picture.choices === choices) {
      await this.use(worn);
    }
    this.samples = await samples;
    this.store.merge('shelf', { isLoading: false });
    this.#show();
    if (worn.startsWith(SAMPLE) && this.picture.choices === choices) {
      await this.use(worn);
    }
  }

  /** @param {string} name of the server's own picture, as soon as it is known */
  setStart(name) {
    if (this.start?.name !== name) {
      this.start = { name, url: address('api/thumbnail').href };
      this.#show();
    }
  }

  /**
   * Wears a picture of the shelf.
   * @param {string} key of `state.shelf.choices`
   */
  async use(key) {
    const entry = this.#own(key);
    const sample = this.samples.find(({ name }) => key === `${SAMPLE}${name}`);
    if (entry) {
      this.picture.wear(this.#character(entry));
    } else if (key === START) {
      this.picture.wear({ key, name: this.start?.name ?? '', file: null, options: {}, views: [], thumbnail: this.start?.url ?? '' });
    } else if (sample) {
      await this.#useSample(sample);
    }
  }

  /** @param {number} index 0 for the first choice */
  async useIndex(index) {
    const choice = this.store.state.shelf.choices[index];
    if (choice) {
      await this.use(choice.key);
    }
  }

  /** @param {Sample} sample */
  async #useSample(sample) {
    const { name, label, start } = sample;
    const thumbnail = sampleThumbnail(name);
    if (start) {
      this.picture.wear({ key: START, name: label, file: null, options: {}, views: [], thumbnail });
      return;
    }
    this.picture.choices += 1;
    const { choices } = this.picture;
    try {
      const file = this.sampleFiles.get(name) ?? await fetchSample(sample);
      this.sampleFiles.set(name, file);
      if (this.picture.choices === choices) {
        this.picture.wear({ key: `${SAMPLE}${name}`, name: label, file, options: {}, views: [], thumbnail });
      }
    } catch {
      if (this.picture.choices === choices) {
        const text = `${label} could not be fetched from the server: check the connection and try again.`;
        this.store.notify({ kind: 'error', about: 'picture', text });
      }
    }
  }

  /** @param {string} key @param {string} name */
  async rename(key, name) {
    const entry = this.#own(key);
    const clean = name.trim().slice(0, MAX_NAME);
    if (entry && clean && clean !== entry.name) {
      await this.#attempt(this.kept.change(entry.id, { name: clean }));
      if (this.store.state.picture.key === key) {
        this.store.merge('picture', { name: clean });
      }
    }
    this.#show();
  }

  /** @param {string} key */
  async remove(key) {
    const entry = this.#own(key);
    if (entry) {
      await this.kept.remove(entry.id);
      this.#show();
    }
  }

  /**
   * Puts a picture of this device at another place.
   * @param {string} key
   * @param {(index: number) => number} target index of the place, 0 for the first, from the present one
   */
  async move(key, target) {
    const entry = this.#own(key);
    if (entry) {
      await this.kept.move(entry.id, target);
      this.#show();
    }
  }

  /** @param {boolean} samplesShown */
  showSamples(samplesShown) {
    remember({ samplesShown });
    this.store.merge('shelf', { samplesShown });
    this.#show();
  }

  /** @param {boolean} editing */
  edit(editing) {
    this.store.merge('shelf', { editing });
  }

  /** @param {string} key */
  #own(key) {
    return this.kept.entries.find(({ id }) => key === `${OWN}${id}`);
  }

  /**
   * @param {Entry} entry
   * @returns {Character}
   */
  #character(entry) {
    const { id, name, file, options, views } = entry;
    return { key: `${OWN}${id}`, name, file, options, views, thumbnail: this.#url(entry) };
  }

  /** @param {Entry} entry */
  #url({ file, thumbnail }) {
    const blob = thumbnail ?? file;
    const url = this.urls.get(blob) ?? URL.createObjectURL(blob);
    this.urls.set(blob, url);
    return url;
  }

  /**
   * A picture is in use: a new one of this device is kept.
   * @param {Character} character
   */
  async #handleWorn(character) {
    const { key, file } = character;
    if (key !== null || !file) {
      writeWorn(key);
      return;
    }
    const thumbnail = this.picture.shown.fetchThumbnail(); // at once, since the next picture may come into use soon
    const keeping = this.keeping.then(() => this.#keep(character, file, thumbnail));
    this.keeping = keeping.catch(() => undefined);
    this.picture.setKey(character, await keeping);
    if (this.picture.worn === character) {
      writeWorn(character.key);
    }
  }

  /**
   * Keeps a picture that is in use now.
   * @param {Character} character
   * @param {File} file of the character
   * @param {Promise<Blob | null>} coming of the head
   * @returns {Promise<string | null>} its key; null where there is no room
   */
  async #keep(character, file, coming) {
    const { name, options, views } = character;
    const known = await this.kept.find(file);
    if (known) {
      return `${OWN}${known.id}`;
    }
    const head = await coming;
    const thumbnail = this.picture.worn === character ? head : null; // else it may be that of the next picture
    const id = Math.max(Date.now(), ...this.kept.entries.map((entry) => entry.id + 1));
    const order = Math.max(0, ...this.kept.entries.map((entry) => entry.order + 1));
    const isKept = await this.#attempt(this.kept.put({ id, order, name: name.slice(0, MAX_NAME), file, options, views, thumbnail }));
    this.#show();
    return isKept ? `${OWN}${id}` : null;
  }

  /**
   * The views or the options of the character in use were changed by the person before the page.
   * @param {Partial<Pick<Entry, 'views' | 'options'>>} changes
   */
  async #keepChanges(changes) {
    const { worn } = this.picture;
    await this.keeping; // it may be a new one
    const entry = this.#own(worn?.key ?? '');
    if (entry) {
      await this.#attempt(this.kept.change(entry.id, changes));
    }
  }

  /**
   * @param {Promise<unknown>} change of what is kept
   * @returns {Promise<boolean>} whether there was room; a notice says it where there was none.
   */
  async #attempt(change) {
    try {
      await change;
      return true;
    } catch (error) {
      const text = error instanceof ShelfFullError ? error.message : String(error);
      this.store.notify({ kind: 'error', about: 'shelf', text });
      return false;
    }
  }

  #show() {
    const { shelf } = this.store.state;
    const own = this.kept.entries.map((entry) => (
      { key: `${OWN}${entry.id}`, name: entry.name, url: this.#url(entry), own: true }));
    const samples = shelf.samplesShown ? this.samples : this.samples.filter(({ start }) => start);
    const start = this.start && !this.samples.some((sample) => sample.start) ? [{ key: START, ...this.start, own: false }] : [];
    const choices = [...own, ...start, ...samples.map(({ name, label, start: isStart }) => (
      { key: isStart ? START : `${SAMPLE}${name}`, name: t(label), url: sampleThumbnail(name), own: false }))];
    this.store.set({ shelf: { ...shelf, choices, isKept: this.kept.isKept } });
  }
}

/** @returns {string | null} key of what this tab wore before it was reloaded */
function readWorn() {
  try {
    return sessionStorage.getItem(WORN_KEY);
  } catch {
    return null;
  }
}

/** @param {string | null} key */
function writeWorn(key) {
  try {
    sessionStorage.setItem(WORN_KEY, key ?? UNKEPT);
  } catch {
    // Without storage a reload begins with the server's picture.
  }
}
