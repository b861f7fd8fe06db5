// @ts-check
/** The camera and the microphone of this session: opening, switching, losing and reopening them. */

import { DeviceError, RESOLUTIONS, cameraPossible, listCameras, listMicrophones, openCamera, openMicrophone } from './camera.js';
import { LevelMeter } from './level.js';
import { remember } from './state.js';

export const NO_CAMERA = 'none'; // in place of a device id: the microphone alone moves the avatar

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./state.js').Notice} Notice */
/** @typedef {import('./store.js').Store} Store */
/**
 * track null: it did not open, and a notice says why. stale: there was another start or a stop meanwhile.
 * @typedef {{track: MediaStreamTrack | null, stale: boolean}} Opened
 */

export class Devices {
  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {Connection} options.connection
   * @param {HTMLVideoElement} options.preview shows the camera to its owner
   * @param {(level: number) => void} options.showLevel shows the loudness of the microphone, 0..1
   * @param {() => void} options.restart run by "Try again" where the camera did not open at a start
   */
  constructor({ store, connection, preview, showLevel, restart }) {
    this.store = store;
    this.connection = connection;
    this.preview = preview;
    this.restart = restart;
    this.level = new LevelMeter(showLevel);
    /** Whether the server writes to the virtual camera of OBS. */
    this.writesObs = false;
    /** @type {MediaStreamTrack | null} */
    this.cameraTrack = null;
    /** @type {MediaStreamTrack | null} */
    this.microphoneTrack = null;
    /** Number of starts and stops: a camera that opens after another one is closed again at once. */
    this.generation = 0;
    /** What the newest request for the camera comes to; older ones come to the same. @type {Promise<Opened> | null} */
    this.openingCamera = null;
    /** Number of changes of the microphone, begun ones included: one that opens after another is closed again at once. */
    this.microphoneChanges = 0;
    /** Number of the change that opens the microphone. */
    this.openingMicrophone = -1;
  }

  /** Whether the microphone is open, or will be once the browser gives it. */
  get isMicrophoneWanted() {
    return this.microphoneTrack !== null || this.openingMicrophone === this.microphoneChanges;
  }

  /** Opens the camera for a new start. @returns {Promise<Opened>} */
  async start() {
    this.generation += 1;
    this.#setCapture({ isChecking: false, isListening: false, words: [] });
    this.#setMicrophone(null);
    if (this.store.state.camera === NO_CAMERA) {
      const { generation } = this;
      await this.#openMicrophone();
      return { track: null, stale: generation !== this.generation };
    }
    if (this.cameraTrack?.readyState === 'live') {
      return { track: this.cameraTrack, stale: false }; // of the check before the start
    }
    return this.#openCamera();
  }

  /** @param {Partial<import('./state.js').Capture>} changes */
  #setCapture(changes) {
    this.store.set({ capture: { ...this.store.state.capture, ...changes } });
  }

  /** Opens the camera before the start, for its owner alone, or closes it again. */
  async toggleCheck() {
    if (this.store.state.live !== 'idle' || this.store.state.camera === NO_CAMERA) {
      return;
    }
    this.generation += 1;
    const isChecking = !this.store.state.capture.isChecking;
    this.#setCapture({ isChecking, words: [] });
    if (!isChecking) {
      this.#setCamera(null);
      return;
    }
    const { track, stale } = await this.#openCamera(() => void this.toggleCheck());
    if (!track && !stale) {
      this.#setCapture({ isChecking: false });
    }
  }

  /** Opens the microphone before the start, to show how loud it is, or closes it again. */
  async toggleListening() {
    if (this.store.state.live !== 'idle') {
      return;
    }
    if (this.store.state.capture.isListening) {
      this.#setCapture({ isListening: false });
      this.#setMicrophone(null);
      return;
    }
    this.#setCapture({ isListening: true });
    if (!await this.#openMicrophone()) {
      this.#setCapture({ isListening: false });
    }
  }

  /** Closes both devices. */
  stop() {
    this.generation += 1;
    this.#setCapture({ isChecking: false, isListening: false, words: [] });
    this.#setCamera(null);
    this.#setMicrophone(null);
  }

  /** Reads the lists of devices anew, and reopens the camera if it was unplugged while live and there is one again. */
  async refresh() {
    const cameras = await listCameras(this.writesObs).catch(() => []);
    this.#setCapture({ microphones: await listMicrophones().catch(() => []) });
    this.store.set({ cameras });
    if (this.store.state.live !== 'idle' && this.cameraTrack?.readyState === 'ended' && cameras.length > 0) {
      await this.#reopenCamera();
    }
  }

  /** @param {string} id of a camera; '' for the browser's choice */
  async chooseCamera(id) {
    remember({ camera: id });
    this.store.set({ camera: id });
    await this.#reopenIfOpen();
  }

  /** @param {import('./camera.js').Resolution} resolution */
  async chooseResolution(resolution) {
    remember({ resolution });
    this.#setCapture({ resolution });
    await this.#reopenIfOpen();
  }

  async #reopenIfOpen() {
    if (this.store.state.live !== 'idle' || this.store.state.capture.isChecking) {
      await this.#reopenCamera();
    }
  }

  /** @param {string} id of a microphone; '' for the browser's choice */
  async chooseMicrophone(id) {
    remember({ microphone: id });
    this.#setCapture({ microphone: id });
    if (this.isMicrophoneWanted) {
      await this.#openMicrophone();
    }
  }

  async #reopenCamera() {
    this.#setCamera(null); // many cameras, and those of phones, can be open only once
    if (this.store.state.camera === NO_CAMERA) {
      this.#setCapture({ isChecking: false, words: [] });
      await this.connection.replaceTrack('video', null);
      if (this.store.state.live !== 'idle' && !this.isMicrophoneWanted) {
        await this.#openMicrophone();
      }
      return;
    }
    const { track, stale } = await this.#openCamera();
    if (track && !stale) {
      await this.connection.replaceTrack('video', track);
    }
  }

  /**
   * @param {() => void} [again] what "Try again" does while nobody is live
   * @returns {Promise<Opened>}
   */
  #openCamera(again = this.restart) {
    const opening = this.#openChosenCamera(again, () => opening === this.openingCamera);
    this.openingCamera = opening;
    return opening;
  }

  /**
   * @param {() => void} again
   * @param {() => boolean} isNewest whether no other camera was asked for since
   * @returns {Promise<Opened>}
   */
  async #openChosenCamera(again, isNewest) {
    const { generation } = this;
    const { camera, capture: { resolution } } = this.store.state;
    this.connection.cameraBitrate = RESOLUTIONS[resolution].bitrate;
    /** @type {MediaStreamTrack | null} */
    let track = null;
    /** @type {unknown} */
    let failure = null;
    try {
      track = await openCamera(camera, resolution, this.writesObs);
    } catch (error) {
      failure = error;
    }
    if (generation !== this.generation) {
      track?.stop();
      return { track: null, stale: true };
    }
    if (!isNewest() && this.openingCamera) {
      track?.stop();
      return this.openingCamera;
    }
    if (!track) {
      const retry = () => (this.store.state.live === 'idle' ? again() : void this.#reopenCamera());
      this.#notifyError(failure, 'camera', cameraPossible() ? { label: 'Try again', run: retry } : undefined);
      return { track: null, stale: false };
    }
    this.store.dismiss('camera');
    this.#setCamera(track);
    this.store.set({ camera: track.getSettings().deviceId ?? '' });
    void this.refresh(); // the labels are known once the camera is allowed
    return { track, stale: false };
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
    void this.refresh();
  }

  async toggleMicrophone() {
    if (this.isMicrophoneWanted) {
      this.#setMicrophone(null);
      await this.connection.replaceTrack('audio', null);
    } else {
      await this.#openMicrophone();
    }
  }

  /**
   * Opens the chosen microphone in place of the present one, unless something else is wanted of it meanwhile.
   * @returns {Promise<boolean>} false where it did not open, and a notice says why
   */
  async #openMicrophone() {
    this.microphoneChanges += 1;
    const change = this.microphoneChanges;
    this.openingMicrophone = change;
    try {
      const track = await openMicrophone(this.store.state.capture.microphone);
      if (change !== this.microphoneChanges) {
        track.stop();
        return true;
      }
      this.store.dismiss('microphone');
      this.#setMicrophone(track);
      void this.refresh(); // the labels are known once the microphone is allowed
      if (this.store.state.live !== 'idle') {
        await this.connection.replaceTrack('audio', track);
      }
      return true;
    } catch (error) {
      if (change !== this.microphoneChanges) {
        return true;
      }
      this.openingMicrophone = -1;
      this.#notifyError(error, 'microphone');
      return false;
    }
  }

  /** @param {MediaStreamTrack | null} track null closes the microphone */
  #setMicrophone(track) {
    this.microphoneChanges += 1;
    if (this.microphoneTrack) {
      this.microphoneTrack.onended = null;
      this.microphoneTrack.stop();
    }
    this.microphoneTrack = track;
    this.level.measure(track);
    this.store.set({ microphone: track !== null && this.store.state.live !== 'idle' });
    if (track) {
      track.onended = () => this.#handleMicrophoneEnded();
    }
  }

  #handleMicrophoneEnded() {
    this.#setMicrophone(null);
    this.#setCapture({ isListening: false });
    const text = 'The microphone went away: plug it in again or pick another, then switch it on.';
    this.store.notify({ kind: 'error', about: 'microphone', text });
    void this.refresh();
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
