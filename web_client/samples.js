// @ts-check
/** The shelf of sample pictures beside the upload: one click switches the avatar to one of them. */

import { html } from './dom.js';
import { address } from './server.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {{name: string, label: string}} Sample */

/**
 * @param {App} app
 * @param {Sample} sample
 */
async function useSample(app, { name, label }) {
  try {
    const response = await fetch(address(`api/samples/${name}`));
    if (!response.ok) {
      throw new Error(String(response.status));
    }
    const picture = await response.blob();
    await app.picture.usePicture(new File([picture], label, { type: picture.type }));
  } catch {
    const text = `${label} could not be fetched from the server: check the connection and try again.`;
    app.store.notify({ kind: 'error', about: 'picture', text });
  }
}

/**
 * Asks the server for its samples and puts a small picture of each on the shelf, which stays hidden without any.
 * @param {App} app
 */
export async function fillShelf(app) {
  /** @type {Sample[]} */
  let samples = [];
  try {
    const response = await fetch(address('api/samples'));
    samples = response.ok ? await response.json() : [];
  } catch {
    return; // the connection says by itself that the server is away
  }
  const shelf = html('samples');
  shelf.replaceChildren(
    ...samples.map((sample) => {
      const small = address(`api/samples/${sample.name}`);
      small.searchParams.set('small', '');
      const picture = Object.assign(document.createElement('img'), { src: small.href, alt: '' });
      const choice = document.createElement('button');
      choice.type = 'button';
      choice.title = sample.label;
      choice.dataset.sample = sample.name;
      choice.setAttribute('aria-label', `Use the sample: ${sample.label}`);
      choice.append(picture);
      choice.addEventListener('click', () => void useSample(app, sample));
      return choice;
    }),
  );
  shelf.hidden = samples.length === 0;
}
