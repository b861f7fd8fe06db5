// @ts-check
/** The sample pictures that the server brings along. */

import { address } from './server.js';

/** @typedef {{name: string, label: string, start: boolean}} Sample start: whether the server was started with it */

/** @returns {Promise<Sample[]>} none where the server is away, which the connection says by itself */
export async function listSamples() {
  try {
    const response = await fetch(address('api/samples'));
    return response.ok ? await response.json() : [];
  } catch {
    return [];
  }
}

/**
 * Address of a small picture of a sample.
 * @param {string} name
 */
export function sampleThumbnail(name) {
  const url = address(`api/samples/${name}`);
  url.searchParams.set('small', '');
  return url.href;
}

/**
 * @param {Sample} sample
 * @returns {Promise<File>}
 * @throws {Error} where it cannot be fetched
 */
export async function fetchSample({ name, label }) {
  const response = await fetch(address(`api/samples/${name}`));
  if (!response.ok) {
    throw new Error(String(response.status));
  }
  const picture = await response.blob();
  return new File([picture], label, { type: picture.type });
}
