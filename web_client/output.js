// @ts-check
/** `?view=output`: only the avatar of the newest live session, on a transparent page. `&fit=cover` crops it to fill the window. */

import { Connection } from './connection.js';
import { t } from './i18n.js';
import { socketAddress } from './server.js';
import { StackedVideo, isStacked } from './stacked_video.js';

const MESSAGE_DELAY_MS = 3000; // without a frame for this long, a message says why
const STALE_MS = 2000; // without a frame for this long nobody is live, and nothing is shown
const RETRY_MS = 10_000; // after a refusal; other losses are tried again by the connection itself
const NO_TRACKS = { video: null, audio: null };
const AWAY = 'The server is away: it is tried again and again.';
const WAITING = 'Waiting for an avatar: press Start on the Kagami page.';

export function runOutput() {
  const video = document.createElement('video');
  video.autoplay = true;
  video.playsInline = true;
  const canvas = document.createElement('canvas');
  canvas.hidden = true;
  const message = document.createElement('p');
  message.setAttribute('role', 'status');
  message.hidden = true;
  document.body.replaceChildren(video, canvas, message);
  document.body.removeAttribute('data-live');
  document.documentElement.classList.add('output');
  document.documentElement.classList.toggle('cover', new URLSearchParams(location.search).get('fit') === 'cover');

  let size = { width: 1, height: 1 };
  let stacked = false;
  /** @type {StackedVideo | null} */
  let stackedVideo = null;
  /** Why no avatar is seen. */
  let reason = WAITING;
  let messageTimer = setTimeout(showReason, MESSAGE_DELAY_MS);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let staleTimer;

  /** Shows a sentence in a browser; never in OBS, where only the avatar may appear. */
  function showMessage(/** @type {string} */ text) {
    message.textContent = t(text);
    message.hidden = 'obsstudio' in window;
  }

  function showReason() {
    showMessage(reason);
  }

  function showNothing() {
    video.classList.add('invisible');
    canvas.hidden = true;
    clearTimeout(messageTimer);
    messageTimer = setTimeout(showReason, MESSAGE_DELAY_MS);
  }

  function onFrame() {
    clearTimeout(messageTimer);
    clearTimeout(staleTimer);
    staleTimer = setTimeout(showNothing, STALE_MS);
    message.hidden = true;
    stacked = isStacked({ width: video.videoWidth, height: video.videoHeight }, size) ?? stacked;
    if (stacked) {
      stackedVideo ??= new StackedVideo(video, canvas);
      stackedVideo.draw();
    }
    video.classList.toggle('invisible', stacked);
    canvas.hidden = !stacked;
    video.requestVideoFrameCallback(onFrame);
  }
  video.requestVideoFrameCallback(onFrame);

  const connection = new Connection({
    url: socketAddress(),
    watch: true,
    emit(event) {
      if (event.kind === 'stream') {
        video.srcObject = event.stream;
        // OBS plays sound; a browser may refuse it before a click, and then the video plays muted.
        video.play().catch(() => {
          video.muted = true;
          return video.play();
        }).catch(() => undefined);
      } else if (event.kind === 'message' && event.message.type === 'ready') {
        size = event.message.video;
        if (reason === AWAY) {
          reason = WAITING;
          message.textContent = t(WAITING); // where it is shown
        }
      } else if (event.kind === 'message' && event.message.type === 'picture-status') {
        const { width, height } = event.message;
        size = width && height ? { width, height } : size;
      } else if (event.kind === 'message' && event.message.type === 'error') {
        showMessage(event.message.message);
      } else if (event.kind === 'link' && event.link === 'lost') {
        if (reason !== AWAY) { // it is lost again with each attempt
          reason = AWAY;
          clearTimeout(messageTimer);
          messageTimer = setTimeout(showReason, MESSAGE_DELAY_MS);
        }
        connection.start(NO_TRACKS); // an error may have ended the wish for media
      } else if (event.kind === 'link' && event.link === 'refused') {
        setTimeout(() => connection.open(), RETRY_MS);
        connection.start(NO_TRACKS);
      }
    },
  });
  connection.start(NO_TRACKS);
  connection.open();
}
