// @ts-check
/** What a page that was live hands to its next load, so that a reload goes on in the same session (docs/protocol.md). */

const KEY = 'kagami-live'; // in sessionStorage
const VALID_MS = 30_000; // as long as the server keeps the session; later no camera may start by itself

/** @typedef {{secret: string}} Resumption */

/** @returns {string} a new secret of 128 bits, which names a session to come back to */
export function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Kept only while the page unloads: a duplicated tab gets a copy of sessionStorage, but no session that another tab has.
 * @param {Resumption} resumption
 */
export function saveResumption(resumption) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ ...resumption, at: Date.now() }));
  } catch {
    // Without storage the next load begins anew.
  }
}

/** @returns {Resumption | null} what the load before has saved, once */
export function takeResumption() {
  try {
    const saved = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    sessionStorage.removeItem(KEY);
    const age = Date.now() - saved?.at;
    return age >= 0 && age < VALID_MS && typeof saved.secret === 'string' ? saved : null;
  } catch {
    return null;
  }
}
