// @ts-check
/** The parts of the page that are kept beside index.html in a file for each. */

import { address } from './server.js';

const DIALOGS = ['editor.html', 'shortcuts.html'];

/**
 * Puts each part in the place of the `<template data-part>` that names its file, and the dialogs, closed, at the end.
 * @throws {TypeError} where the server is away
 */
export async function loadParts() {
  const places = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[data-part]')]);
  const files = [...places.map(({ dataset }) => dataset.part ?? ''), ...DIALOGS];
  const parts = await Promise.all(files.map(async (file) => (await fetch(address(file))).text()));
  places.forEach((place, index) => { place.outerHTML = parts[index]; });
  document.body.insertAdjacentHTML('beforeend', parts.slice(places.length).join(''));
}
