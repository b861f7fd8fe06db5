// @ts-check
/** The avatar on the stage: the received video, its transparent form, and what follows from each of its frames. */

import { element, html } from './dom.js';
import { LastFrame } from './last_frame.js';
import { RecordingControl } from './recorder.js';
import { StackedVideo, isStacked } from './stacked_video.js';

/** @typedef {import('./meter.js').Meter} Meter */
/** @typedef {import('./messages.js').PictureStatus} PictureStatus */
/** @typedef {import('./store.js').Store} Store */

export class AvatarView {
  /**
   * @param {Store} store
   * @param {Meter} meter counts the frames
   */
  constructor(store, meter) {
    this.store = store;
    this.meter = meter;
    this.video = element('avatar', HTMLVideoElement);
    this.canvas = element('cutout', HTMLCanvasElement);
    /** Draws frames with alpha; made for the first one. @type {StackedVideo | null} */
    this.stackedVideo = null;
    /** Of the last frame of the video, alpha included. */
    this.frameSize = { width: 0, height: 0 };
    this.lastFrame = new LastFrame();
    /** Whether the connection was lost since the last frame. */
    this.isHeld = false;
    this.recording = new RecordingControl(store, () => this.#recordedStream());
    this.video.requestVideoFrameCallback((_, frame) => this.#handleFrame(frame));
  }

  /** What shows the avatar. */
  get shown() {
    return this.store.state.stacked ? this.canvas : this.video;
  }

  /** @param {MediaStream} stream the avatar's picture and sound */
  show(stream) {
    this.video.srcObject = stream;
    this.video.play().catch(() => undefined);
  }

  /** Nobody is live. */
  clear() {
    this.recording.stop();
    this.lastFrame.hide();
    this.video.srcObject = null;
  }

  /** The connection is lost: the last frame stays, and a recording goes on in another file with the next one. */
  hold() {
    if (this.store.state.live === 'live') {
      this.isHeld = true;
      this.lastFrame.show();
      this.recording.split('lost');
    }
  }

  async toggleFullScreen() {
    const stage = html('stage');
    if (document.fullscreenElement) {
      await document.exitFullscreen();
    } else if (stage.requestFullscreen) {
      await stage.requestFullscreen().catch(() => undefined);
    } else {
      this.store.set({ fullScreen: stage.classList.toggle('filling') }); // iPhones have no full screen for pages
    }
  }

  /** @returns {MediaStream | null} */
  #recordedStream() {
    const avatar = this.video.srcObject;
    if (!(avatar instanceof MediaStream)) {
      return null;
    }
    const picture = this.store.state.stacked ? this.canvas.captureStream() : avatar;
    return new MediaStream([...picture.getVideoTracks(), ...avatar.getAudioTracks()]);
  }

  /** @param {VideoFrameCallbackMetadata} frame */
  #handleFrame(frame) {
    this.video.requestVideoFrameCallback((_, next) => this.#handleFrame(next));
    const { live, size, stacked: wasStacked } = this.store.state;
    if (live === 'idle') {
      return;
    }
    this.meter.countFrame(frame);
    const stacked = isStacked(frame, size) ?? wasStacked;
    const isResized = this.frameSize.width !== frame.width || this.frameSize.height !== frame.height;
    if (isResized) {
      this.recording.split('resized'); // a file has one size, and either alpha or none
    }
    this.frameSize = { width: frame.width, height: frame.height };
    if (stacked) {
      this.stackedVideo ??= new StackedVideo(this.video, this.canvas);
      this.stackedVideo.draw();
    }
    this.lastFrame.update(stacked ? this.canvas : this.video, size);
    if (live !== 'live' || stacked !== wasStacked) {
      this.store.set({ live: 'live', stacked });
    }
    if (isResized || this.isHeld) {
      this.isHeld = false;
      this.recording.resume();
    } else {
      this.recording.handleFrame();
    }
  }

  /**
   * Ends the file of a recording before the first frame of another picture, or of another size, which a recorder would
   * not take.
   * @param {PictureStatus} status
   * @param {boolean} isOther whether it is about another picture
   */
  expect({ stage, width, height }, isOther) {
    if (width && height && isStacked(this.frameSize, { width, height }) === null) {
      this.recording.split('resized');
    } else if (stage === 'ready' && isOther) {
      this.recording.split('swapped');
    }
  }
}
