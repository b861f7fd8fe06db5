// @ts-check
/**
 * Translations. The page's texts are English; i18n/LANGUAGE.json holds each by its English sentence, in which `{0}`,
 * `{1}` stand for what changes. So a text is translated where it is shown, and sentences of the server are, too.
 */

import { remembered } from './state.js';

export const LANGUAGES = /** @type {const} */ (['en', 'de', 'ja']);
/** @typedef {typeof LANGUAGES[number]} Language */
/** @typedef {{sentence: RegExp, order: number[], translation: string}} Pattern order: of the placeholders in the sentence */

const ATTRIBUTES = ['title', 'data-title', 'aria-label', 'placeholder', 'alt'];
const MAX_CACHED = 2000; // figures change all the time

/** @type {Map<string, string>} */
let sentences = new Map();
/** @type {Pattern[]} */
let patterns = [];
/** @type {Map<string, string>} */
let cache = new Map();

/** @returns {Language} the one that was chosen, or else the first of the browser's that there is */
export function chosenLanguage() {
  const { language = 'auto' } = remembered();
  const wanted = language === 'auto' ? navigator.languages.map((each) => each.slice(0, 2).toLowerCase()) : [language];
  return LANGUAGES.find((each) => each === wanted.find((one) => LANGUAGES.some((known) => known === one))) ?? 'en';
}

/** Loads the language and translates what index.html holds. Where it cannot be loaded the page stays English. */
export async function loadLanguage() {
  const language = chosenLanguage();
  if (language === 'en') {
    return;
  }
  try {
    const response = await fetch(`i18n/${language}.json`);
    /** @type {Record<'page' | 'server', Record<string, string>>} */
    const catalogue = await response.json();
    use({ ...catalogue.server, ...catalogue.page });
  } catch {
    return;
  }
  document.documentElement.lang = language;
  translateTree(document.documentElement);
}

/** @param {Record<string, string>} catalogue */
function use(catalogue) {
  const entries = Object.entries(catalogue);
  sentences = new Map(entries.filter(([english]) => !/\{\d\}/.test(english)));
  patterns = entries.filter(([english]) => /\{\d\}/.test(english))
    .sort(([a], [b]) => b.length - a.length) // the one that says most is tried first
    .map(([english, translation]) => ({
      sentence: new RegExp(`^${english.split(/\{\d\}/).map(escapeForPattern).join('(.*?)')}$`, 's'),
      order: [...english.matchAll(/\{(\d)\}/g)].map(([, number]) => Number(number)),
      translation,
    }));
  cache = new Map();
}

/** @param {string} text */
const escapeForPattern = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * An English text in the page's language; itself where there is no translation.
 * @param {string} text
 * @returns {string}
 */
export function t(text) {
  if (sentences.size === 0 || !/\p{L}/u.test(text)) {
    return text;
  }
  const known = sentences.get(text) ?? cache.get(text);
  if (known !== undefined) {
    return known;
  }
  const translation = translatePattern(text);
  if (cache.size >= MAX_CACHED) {
    cache.clear();
  }
  cache.set(text, translation);
  return translation;
}

/** @param {string} text */
function translatePattern(text) {
  for (const { sentence, order, translation } of patterns) {
    const match = sentence.exec(text);
    if (match) {
      const values = new Map(order.map((number, i) => [number, match[i + 1]]));
      return translation.replace(/\{(\d)\}/g, (_, number) => t(values.get(Number(number)) ?? '')); // a value may be a text
    }
  }
  return text;
}

/** @param {Element} root whose texts and attributes are translated */
function translateTree(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const text = node.nodeValue ?? '';
    const words = text.trim();
    if (words) {
      node.nodeValue = text.replace(words, () => t(words));
    }
  }
  for (const name of ATTRIBUTES) {
    for (const target of root.querySelectorAll(`[${name}]`)) {
      target.setAttribute(name, t(target.getAttribute(name) ?? ''));
    }
  }
}
