// @ts-check
/** Where the server's doors are, seen from this page, with the token that opened it. */

const token = new URLSearchParams(location.search).get('token');

/**
 * @param {string} path relative to the page, so that the server may live below any path of a proxy
 * @returns {URL}
 */
export function address(path) {
  const url = new URL(path, location.href);
  if (token) {
    url.searchParams.set('token', token);
  }
  return url;
}

/** @returns {string} of the signalling WebSocket */
export function socketAddress() {
  const url = address('ws');
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Whether the server runs on this very machine, as far as its address tells. */
export const isLocal = () => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
