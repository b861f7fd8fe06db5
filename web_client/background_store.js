// @ts-check
/** Keeps the user's own background on this device, in IndexedDB: one file. */

const DATABASE = 'kagami-background';
const FILES = 'files';
const KEY = 'background';

/**
 * Runs one request on the store.
 * @param {IDBTransactionMode} mode
 * @param {(files: IDBObjectStore) => IDBRequest} run
 * @returns {Promise<any>} its result; undefined where this browser or window keeps nothing
 */
function request(mode, run) {
  return new Promise((resolve) => {
    const nothing = () => resolve(undefined);
    try {
      const opening = indexedDB.open(DATABASE, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(FILES);
      opening.onerror = nothing;
      opening.onblocked = nothing;
      opening.onsuccess = () => {
        const done = run(opening.result.transaction(FILES, mode).objectStore(FILES));
        done.onerror = nothing;
        done.onsuccess = () => {
          resolve(done.result);
          opening.result.close();
        };
      };
    } catch {
      nothing();
    }
  });
}

/** @returns {Promise<File | null>} the background that was kept */
export const keptBackground = async () => (await request('readonly', (files) => files.get(KEY))) ?? null;

/** @param {File | null} file null: keep none */
export const keepBackground = (file) => request('readwrite', (files) => (
  file ? files.put(file, KEY) : files.delete(KEY)));
