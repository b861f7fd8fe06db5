// @ts-check
/** `?view=output`: nothing but the avatar of whoever is live, on nothing. `?fit=cover` fills the source instead. */

import { Connection } from './connection.js';
import { Matte, isStacked } from './matte.js';
import { socketAddress } from './server.js';

const QUIET_MS = 3000;

export function runOutput() {
  const video = document.createElement('video');
  video.autoplay = true;
  video.playsInline = true;
  const canvas = document.createElement('canvas');
  canvas.hidden = true;
  const words = document.createElement('p');
  words.setAttribute('role', 'status');
  words.hidden = true;
  document.body.replaceChildren(video, canvas, words);
  document.body.removeAttribute('data-live');
  document.documentElement.classList.add('output');
  document.documentElement.classList.toggle('cover', new URLSearchParams(location.search).get('fit') === 'cover');

  let size = { width: 1, height: 1 };
  let stacked = false;
  /** @type {Matte | null} */
  let matte = null;
  let alone = setTimeout(() => say('Waiting for an avatar: press Start on the Kagami page.'), QUIET_MS);

  /** In OBS nothing but the avatar may ever show; a person who opens this address in a browser gets a word. */
  function say(/** @type {string} */ text) {
    words.textContent = text;
    words.hidden = 'obsstudio' in window;
  }

  function onFrame() {
    clearTimeout(alone);
    words.hidden = true;
    stacked = isStacked({ width: video.videoWidth, height: video.videoHeight }, size) ?? stacked;
    if (stacked) {
      matte ??= new Matte(video, canvas);
      matte.draw();
    }
    video.classList.toggle('unseen', stacked);
    canvas.hidden = !stacked;
    video.requestVideoFrameCallback(onFrame);
  }
  video.requestVideoFrameCallback(onFrame);

  const connection = new Connection({
    url: socketAddress(),
    watch: true,
    tell(happening) {
      if (happening.kind === 'stream') {
        video.srcObject = happening.stream;
        // Sound plays in OBS; a browser may insist on a click first, and a picture without sound beats none.
        video.play().catch(() => {
          video.muted = true;
          return video.play();
        }).catch(() => undefined);
      } else if (happening.kind === 'message' && happening.message.type === 'ready') {
        size = happening.message.video;
      } else if (happening.kind === 'message' && happening.message.type === 'picture-status') {
        const { width, height } = happening.message;
        size = width && height ? { width, height } : size;
      } else if (happening.kind === 'message' && happening.message.type === 'error') {
        say(happening.message.message);
      } else if (happening.kind === 'link' && happening.link === 'lost') {
        clearTimeout(alone);
        alone = setTimeout(() => say('The server is away: it is tried again and again.'), QUIET_MS);
      }
    },
  });
  connection.start({ video: null, audio: null });
  connection.open();
}
