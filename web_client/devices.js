// @ts-check
/** The camera and the microphone of this session: opening, switching, losing and reopening them. */

import { DeviceError, cameraPossible, listCameras, openCamera, openMicrophone } from './camera.js';
import { remember } from './state.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./state.js').Notice} Notice */
/** @typedef {import('./store.js').Store} Store */

export class Devices {
  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {Connection} options.connection
   * @param {HTMLVideoElement} options.preview shows the camera to its owner
   * @param {() => void} options.restart run by "Try again" where the camera did not open at a start
   */
  constructor({ store, connection, preview, restart }) {
    this.store = store;
    this.connection = connection;
    this.preview = preview;
    this.restart = restart;
    /** @type {MediaStreamTrack | null} */
    this.cameraTrack = null;
    /** @type {MediaStreamTrack | null} */
    this.microphoneTrack = null;
    /** Number of starts and stops: a device that opens after another one is closed again at once. */
    this.generation = 0;
  }

  /**
   * Opens the camera for a new start.
   * @returns {Promise<{track: MediaStreamTrack | null, stale: boolean}>} track null: it did not open, and a notice says
   *   why. stale: there was another start or a stop meanwhile.
   */
  async start() {
    this.generation += 1;
    return this.#openCamera();
  }

  /** Closes both devices. */
  stop() {
    this.generation += 1;
    this.#setCamera(null);
    this.#setMicrophone(null);
  }

  /** Reads the list of cameras anew, and reopens the camera if it was unplugged while live and there is one again. */
  async refreshCameras() {
    const cameras = await listCameras().catch(() => []);
    this.store.set({ cameras });
    if (this.store.state.live !== 'idle' && this.cameraTrack?.readyState === 'ended' && cameras.length > 0) {
      await this.#reopenCamera();
    }
  }

  /** @param {string} id of a camera; '' for the browser's choice */
  async chooseCamera(id) {
    remember({ camera: id });
    this.store.set({ camera: id });
    if (this.store.state.live !== 'idle') {
      await this.#reopenCamera();
    }
  }

  async #reopenCamera() {
    this.#setCamera(null); // many cameras, and those of phones, can be open only once
    const { track, stale } = await this.#openCamera();
    if (track && !stale) {
      await this.connection.replaceTrack('video', track);
    }
  }

  /** @returns {Promise<{track: MediaStreamTrack | null, stale: boolean}>} as of `start` */
  async #openCamera() {
    const { generation } = this;
    try {
      const track = await openCamera(this.store.state.camera);
      if (generation !== this.generation) {
        track.stop();
        return { track: null, stale: true };
      }
      this.store.dismiss('camera');
      this.#setCamera(track);
      this.store.set({ camera: track.getSettings().deviceId ?? '' });
      void this.refreshCameras(); // the labels are known once the camera is allowed
      return { track, stale: false };
    } catch (error) {
      const retry = () => (this.store.state.live === 'idle' ? this.restart() : void this.#reopenCamera());
      this.#notifyError(error, 'camera', cameraPossible() ? { label: 'Try again', run: retry } : undefined);
      return { track: null, stale: generation !== this.generation };
    }
  }

  /** @param {MediaStreamTrack | null} track null closes the camera */
  #setCamera(track) {
    if (this.cameraTrack) {
      this.cameraTrack.onended = null;
      this.cameraTrack.stop();
    }
    this.cameraTrack = track;
    this.preview.srcObject = track && new MediaStream([track]);
    this.store.set({ hasPreview: track !== null });
    if (track) {
      track.onended = () => this.#handleCameraEnded();
    }
  }

  #handleCameraEnded() {
    this.store.set({ hasPreview: false });
    this.store.notify({
      kind: 'error',
      about: 'camera',
      text: 'The camera went away: plug it in again or pick another; the avatar idles meanwhile.',
    });
    void this.refreshCameras();
  }

  async toggleMicrophone() {
    if (this.microphoneTrack) {
      this.#setMicrophone(null);
      await this.connection.replaceTrack('audio', null);
      return;
    }
    const { generation } = this;
    try {
      const track = await openMicrophone();
      if (generation !== this.generation) {
        track.stop();
        return;
      }
      this.store.dismiss('microphone');
      this.#setMicrophone(track);
      await this.connection.replaceTrack('audio', track);
    } catch (error) {
      this.#notifyError(error, 'microphone');
    }
  }

  /** @param {MediaStreamTrack | null} track null closes the microphone */
  #setMicrophone(track) {
    this.microphoneTrack?.stop();
    this.microphoneTrack = track;
    this.store.set({ microphone: track !== null });
    if (track) {
      track.onended = () => this.#setMicrophone(null);
    }
  }

  /**
   * @param {unknown} error
   * @param {string} about
   * @param {Notice['action']} [action]
   */
  #notifyError(error, about, action) {
    const text = error instanceof DeviceError ? error.message : `Something broke in this page (${error}): reload it.`;
    this.store.notify({ kind: 'error', about, text, ...(action ? { action } : {}) });
  }
}
