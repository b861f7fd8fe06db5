// @ts-check
/** URLs of the server's endpoints, with the access token of this page's own URL. */

const token = new URLSearchParams(location.search).get('token');

/**
 * @param {string} path of an endpoint, relative to the page, so that a proxy may serve Kagami below any path
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

/** Whether a hostname, the page's own by default, is that of this machine. */
export const isLocal = (hostname = location.hostname) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
