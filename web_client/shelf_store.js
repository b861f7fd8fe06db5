// @ts-check
/** The pictures that are kept on this device, in IndexedDB: few, of bounded size, with their views. */

/**
 * One character of the shelf.
 * @typedef {object} Entry
 * @property {number} id
 * @property {number} order place on the shelf: lower ones first
 * @property {string} name
 * @property {File} file
 * @property {Record<string, string>} options what else the server is told of the file, see `Character`
 * @property {File[]} views further pictures of the character
 * @property {Blob | null} thumbnail of the head
 */

export const MAX_ENTRIES = 24;
export const MAX_TOTAL_MEGABYTES = 150; // of all files together
const DATABASE = 'kagami';
const CHARACTERS = 'characters';
const OPEN_TIMEOUT_MS = 1500; // some browsers never answer where storage is not allowed

/** The shelf has no room; `message` says what to do. */
export class ShelfFullError extends Error {}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const result = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** @returns {Promise<IDBDatabase | null>} null where this browser or window keeps nothing */
async function openDatabase() {
  try {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(CHARACTERS, { keyPath: 'id' });
    const timeout = new Promise((_, reject) => { setTimeout(reject, OPEN_TIMEOUT_MS); });
    return await Promise.race([result(request), /** @type {Promise<never>} */ (timeout)]);
  } catch {
    return null;
  }
}

/** @param {Entry} entry */
const bytesOf = ({ file, views }) => [file, ...views].reduce((sum, { size }) => sum + size, 0);

/** The entries, in their order, also where they last only as long as the page. */
export class ShelfStore {
  constructor() {
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {IDBDatabase | null} */
    this.database = null;
    /** Ends with the last change that was begun: each begins with what the one before has left. @type {Promise<unknown>} */
    this.lastChange = Promise.resolve();
  }

  /** Whether the entries outlast this page. */
  get isKept() {
    return this.database !== null;
  }

  /**
   * @template T
   * @param {() => Promise<T>} run
   * @returns {Promise<T>} what it returns, after all changes that were begun before
   */
  #inTurn(run) {
    const running = this.lastChange.then(run);
    this.lastChange = running.catch(() => undefined);
    return running;
  }

  /** Reads what is kept; what is changed meanwhile is changed after it. */
  load() {
    return this.#inTurn(async () => {
      this.database = await openDatabase();
      try {
        const store = this.database?.transaction(CHARACTERS).objectStore(CHARACTERS);
        this.entries = store ? await result(store.getAll()) : [];
      } catch {
        this.database = null;
      }
      this.entries.sort((a, b) => a.order - b.order);
    });
  }

  /**
   * Keeps a new entry.
   * @param {Entry} entry
   * @throws {ShelfFullError} where there is no room; nothing is changed then.
   */
  put(entry) {
    return this.#inTurn(() => this.#put(entry));
  }

  /**
   * Changes an entry, if it is still there.
   * @param {number} id
   * @param {Partial<Entry>} changes
   * @throws {ShelfFullError} as `put` does
   */
  change(id, changes) {
    return this.#inTurn(async () => {
      const entry = this.entries.find((each) => each.id === id);
      if (entry) {
        await this.#put({ ...entry, ...changes });
      }
    });
  }

  /** @param {Entry} entry */
  async #put(entry) {
    const others = this.entries.filter(({ id }) => id !== entry.id);
    if (others.length >= MAX_ENTRIES) {
      throw new ShelfFullError(`The shelf is full (${MAX_ENTRIES} pictures): remove one to keep another.`);
    }
    if ([...others, entry].reduce((sum, each) => sum + bytesOf(each), 0) > MAX_TOTAL_MEGABYTES * 1e6) {
      throw new ShelfFullError(`The shelf is full (${MAX_TOTAL_MEGABYTES} MB): remove a picture to keep another.`);
    }
    try {
      await this.#write((store) => store.put(entry));
    } catch {
      throw new ShelfFullError('This browser has no room for another picture: remove one from the shelf.');
    }
    this.entries = [...others, entry].sort((a, b) => a.order - b.order);
  }

  /** @param {number} id of an entry */
  remove(id) {
    return this.#inTurn(async () => {
      this.entries = this.entries.filter((entry) => entry.id !== id);
      await this.#write((store) => store.delete(id)).catch(() => undefined);
    });
  }

  /**
   * Puts an entry at another place.
   * @param {number} id
   * @param {(index: number) => number} target index of the place, 0 for the first, from the present one
   */
  move(id, target) {
    return this.#inTurn(async () => {
      const index = this.entries.findIndex((entry) => entry.id === id);
      if (index >= 0) {
        const entries = [...this.entries];
        const [moved] = entries.splice(index, 1);
        entries.splice(Math.min(Math.max(target(index), 0), entries.length), 0, moved);
        this.entries = entries.map((entry, order) => ({ ...entry, order }));
        await this.#write((store) => this.entries.forEach((entry) => store.put(entry))).catch(() => undefined);
      }
    });
  }

  /**
   * The entry of a file with the same content, or undefined.
   * @param {File} file
   */
  find(file) {
    return this.#inTurn(async () => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      for (const entry of this.entries.filter((each) => each.file.size === file.size)) {
        const own = new Uint8Array(await entry.file.arrayBuffer());
        if (own.every((value, i) => value === bytes[i])) {
          return entry;
        }
      }
      return undefined;
    });
  }

  /** @param {(store: IDBObjectStore) => unknown} change */
  async #write(change) {
    if (this.database) {
      const transaction = this.database.transaction(CHARACTERS, 'readwrite');
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
        change(transaction.objectStore(CHARACTERS));
      });
    }
  }
}
