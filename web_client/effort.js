// @ts-check
/** What a busy computer gives up, in words, and what it shall keep longest: the top of the card "Speed". */

import { html, resizeChildren, setText } from './dom.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./messages.js').GivenUp} GivenUp */
/** @typedef {import('./messages.js').SpeedKind} SpeedKind */
/** @typedef {import('./state.js').State} State */

/** @type {Record<GivenUp, string>} in the order in which they are given up */
const WORDS = {
  edges: 'The computer is busy: the shape of the head is refined less often.',
  body: 'The computer is busy: hands and body are followed less often.',
  closeups: 'The computer is busy: mouth and eyes are refined less often.',
  pixels: 'The computer is busy: the picture is drawn with fewer pixels.',
};

const HARDLY_SEEN = 'edges'; // is told in the card alone

const STUTTER = {
  fps: 12, // shown in each second
  seconds: 5,
  words: 'The picture stutters: close other programs, or start the server with a smaller --size.',
  choose: 'The picture stutters: close other programs, or choose Fast under Speed.',
};

/** @returns {NodeListOf<HTMLInputElement>} */
const radios = () => document.querySelectorAll('input[name=speed]');

/** @param {App} app */
export function bindEffort(app) {
  radios().forEach((radio) => {
    radio.addEventListener('change', () => app.controls.change({ speed: /** @type {SpeedKind} */ (radio.value) }));
  });
}

/**
 * The sentence under the stage, on the phone too: that few frames a second have been shown for some seconds, else the
 * last thing that was given up.
 * @param {State} state
 * @returns {string} '' for none
 */
function stageWords({ live, phase, fps, link, mediaLost, stats, controls }) {
  if (live !== 'live' || phase !== 'live' || link !== 'open' || mediaLost) {
    return '';
  }
  const recent = fps.slice(-STUTTER.seconds);
  if (recent.length === STUTTER.seconds && recent.every((value) => value < STUTTER.fps)) {
    return controls.speed === 'fast' ? STUTTER.words : STUTTER.choose;
  }
  const last = stats?.given_up.at(-1);
  return last === undefined || last === HARDLY_SEEN ? '' : WORDS[last];
}

/** @param {State} state */
export function renderEffort(state) {
  const { controls, live, stats } = state;
  radios().forEach((radio) => {
    radio.checked = radio.value === controls.speed;
  });
  const words = stageWords(state);
  html('slow-words').hidden = words === '';
  setText(html('slow-words'), words);
  const givenUp = live === 'live' && stats ? stats.given_up : [];
  const rows = resizeChildren(html('given-up'), givenUp.length, () => document.createElement('li'));
  rows.forEach((row, index) => setText(row, WORDS[givenUp[index]]));
}
