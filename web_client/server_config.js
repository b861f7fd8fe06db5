// @ts-check
/** What the server tells of itself before a session: its limits, and what it can do besides. */

import { address } from './server.js';

/** @typedef {{max_upload_mb?: number, film_minutes?: number, max_clip_mb?: number, virtual_camera?: boolean, records?: boolean, trackers?: {kind: string, port: number}[], picture?: {name: string}}} ServerConfig */

/** The server does not let this page in: `message` says what to do. */
export class RefusedError extends Error {}

/**
 * @returns {Promise<ServerConfig | null>} null where the server does not answer, or not with its configuration: the
 *   WebSocket fails too, and its notice is more precise
 * @throws {RefusedError}
 */
export async function readServerConfig() {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address('api/config'));
  } catch {
    return null;
  }
  if (response.status === 401 || response.status === 403) {
    /** @type {{message?: string}} */
    const answer = await response.json().catch(() => ({}));
    throw new RefusedError(answer.message ?? 'The server does not let this page in: open the address that it printed.');
  }
  return response.ok ? response.json().catch(() => null) : null;
}
