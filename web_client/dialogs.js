// @ts-check
/** The markup of the dialogs, which is kept beside index.html in a file for each. */

import { address } from './server.js';

const FILES = ['editor.html', 'shortcuts.html'];

/**
 * Appends the dialogs, closed, to the page.
 * @throws {TypeError} where the server is away
 */
export async function loadDialogs() {
  const parts = await Promise.all(FILES.map(async (file) => (await fetch(address(file))).text()));
  document.body.insertAdjacentHTML('beforeend', parts.join(''));
}
