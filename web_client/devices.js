// @ts-check
/** The camera of this session, with its microphone: opening, switching, losing and reopening them. */

import { RESOLUTIONS, cameraPossible, listCameras, listMicrophones, notifyTrouble, openCamera, troubleOf } from './media_devices.js';
import { Microphone } from './microphone.js';
import { MotionMeter } from './picture_motion.js';
import { endSilence, silence } from './silence.js';
import { remember, remembered } from './state.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./store.js').Store} Store */
/**
 * track null: it did not open, and a notice says why, or it is switched off. stale: there was another start or a stop meanwhile.
 * @typedef {{track: MediaStreamTrack | null, stale: boolean}} Opened
 */

export class Devices {
  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {Connection} options.connection
   * @param {HTMLVideoElement} options.preview shows the camera to its owner
   * @param {(level: number) => void} options.showLevel shows the loudness of the microphone, 0..1
   * @param {(level: number) => void} options.showMotion shows how much moves before the camera, 0..1
   * @param {() => void} options.restart run by "Try again" where the camera did not open at a start
   */
  constructor({ store, connection, preview, showLevel, showMotion, restart }) {
    this.store = store;
    this.connection = connection;
    this.preview = preview;
    this.restart = restart;
    this.microphone = new Microphone({ store, showLevel, send: () => this.#sendSound(), refresh: () => this.refresh() });
    this.motion = new MotionMeter(preview, showMotion);
    /** Whether the server writes to the virtual camera of OBS. */
    this.writesObs = false;
    /** @type {MediaStreamTrack | null} */
    this.cameraTrack = null;
    /** Number of starts and stops: a camera that opens after another one is closed again at once. */
    this.generation = 0;
    /** Number of times that the lists of devices were read. */
    this.reading = 0;
    /** What the newest request for the camera comes to; older ones come to the same. @type {Promise<Opened> | null} */
    this.openingCamera = null;
  }

  /** What is sent now: whoever switched the camera off sends at least silence. */
  get tracks() {
    const quiet = this.store.state.sources.camera ? null : silence();
    return { video: this.cameraTrack, audio: this.microphone.track ?? quiet };
  }

  /** Opens what is switched on, for a new start; the microphone may come later. @returns {Promise<Opened>} of the camera */
  async start() {
    this.generation += 1;
    this.store.merge('capture', { isChecking: false, isListening: false, words: [] });
    this.microphone.close();
    const { generation } = this;
    // The one of the check before the start goes on.
    const opened = this.cameraTrack?.readyState === 'live' || !this.store.state.sources.camera
      ? { track: this.cameraTrack, stale: false } : await this.#openCamera();
    const { camera, microphone } = this.store.state.sources;
    if (microphone && generation === this.generation && (opened.track || !camera)) {
      const opening = this.microphone.open();
      await (camera ? null : opening);
    }
    return { ...opened, stale: generation !== this.generation };
  }

  /** @param {'camera' | 'microphone'} name @param {boolean} isOn */
  #keepSwitch(name, isOn) {
    remember({ sources: { ...remembered().sources, [name]: isOn } });
    this.store.merge('sources', { [name]: isOn, [`${name}Trouble`]: null });
  }

  /** Sends the camera's picture while live, or closes the camera and sends none. @param {boolean} isOn */
  async switchCamera(isOn) {
    this.#keepSwitch('camera', isOn);
    this.store.dismiss('camera');
    const { live, phase, capture } = this.store.state;
    if (live !== 'idle') {
      if (isOn && phase === 'stalled') {
        this.store.set({ phase: 'waiting', phaseMessage: null }); // the server says more once a picture has come
      }
      await this.#reopenCamera();
    } else if (!isOn && capture.isChecking) {
      await this.toggleCheck();
    }
  }

  /** Opens the microphone while live, or closes it. @param {boolean} isOn */
  async switchMicrophone(isOn) {
    this.#keepSwitch('microphone', isOn);
    this.store.dismiss('microphone');
    if (this.store.state.live === 'idle') {
      return;
    }
    if (!isOn) {
      this.microphone.close();
      await this.#sendSound();
    } else if (!this.microphone.isWanted) {
      await this.microphone.open();
    }
  }

  async #sendSound() {
    await this.connection.replaceTrack('audio', this.tracks.audio);
  }

  /** Opens the camera before the start, for its owner alone, or closes it again. */
  async toggleCheck() {
    if (this.store.state.live !== 'idle') {
      return;
    }
    this.generation += 1;
    const isChecking = !this.store.state.capture.isChecking;
    this.store.merge('capture', { isChecking, words: [] });
    if (!isChecking) {
      this.#setCamera(null);
      return;
    }
    const { track, stale } = await this.#openCamera(() => void this.toggleCheck());
    if (!track && !stale) {
      this.store.merge('capture', { isChecking: false });
    }
  }

  /** Opens the microphone before the start, to show how loud it is, or closes it again. */
  async toggleListening() {
    if (this.store.state.live !== 'idle') {
      return;
    }
    if (this.store.state.capture.isListening) {
      this.store.merge('capture', { isListening: false });
      this.microphone.close();
      return;
    }
    this.store.merge('capture', { isListening: true });
    if (!await this.microphone.open()) {
      this.store.merge('capture', { isListening: false });
    }
  }

  /** Closes both devices. */
  stop() {
    this.generation += 1;
    this.store.merge('capture', { isChecking: false, isListening: false, words: [] });
    this.#setCamera(null);
    this.microphone.close();
    endSilence();
  }

  /** Reads the lists of devices anew, and reopens the camera if it was unplugged while live and there is one again. */
  async refresh() {
    const reading = (this.reading += 1);
    const lists = Promise.all([listCameras(this.writesObs), listMicrophones()]);
    const [cameras, microphones] = await lists.catch(() => [[], []]);
    if (reading !== this.reading) {
      return; // the lists of a later call are newer, whichever the browser gives first
    }
    this.store.merge('capture', { microphones });
    this.store.set({ cameras });
    const { live, sources } = this.store.state;
    if (live !== 'idle' && sources.camera && this.cameraTrack?.readyState === 'ended' && cameras.length > 0) {
      await this.#reopenCamera();
    }
  }

  /** @param {string} id of a camera; '' for the browser's choice */
  async chooseCamera(id) {
    remember({ camera: id });
    this.store.set({ camera: id });
    await this.#reopenIfOpen();
  }

  /** @param {import('./media_devices.js').Resolution} resolution */
  async chooseResolution(resolution) {
    remember({ resolution });
    this.store.merge('capture', { resolution });
    await this.#reopenIfOpen();
  }

  async #reopenIfOpen() {
    const { live, sources, capture } = this.store.state;
    if (live === 'idle' ? capture.isChecking : sources.camera) {
      await this.#reopenCamera();
    }
  }

  /** @param {string} id of a microphone; '' for the browser's choice */
  async chooseMicrophone(id) {
    remember({ microphone: id });
    this.store.merge('capture', { microphone: id });
    if (this.microphone.isWanted) {
      await this.microphone.open();
    }
  }

  async #reopenCamera() {
    this.#setCamera(null); // many cameras, and those of phones, can be open only once
    if (this.store.state.live !== 'idle' && !this.store.state.sources.camera) {
      await Promise.all([this.connection.replaceTrack('video', null), this.#sendSound()]);
      return;
    }
    const { track, stale } = await this.#openCamera();
    if (track && !stale) {
      await Promise.all([this.connection.replaceTrack('video', track), this.#sendSound()]);
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
    this.store.merge('sources', { cameraTrouble: null });
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
    if (this.store.state.live !== 'idle' && !this.store.state.sources.camera) { // switched off meanwhile
      track?.stop();
      return { track: null, stale: false };
    }
    if (!track) {
      const retry = () => (this.store.state.live === 'idle' ? again() : void this.#reopenCamera());
      this.store.merge('sources', { cameraTrouble: troubleOf(failure) });
      notifyTrouble(this.store, failure, 'camera', troubleOf(failure) === 'missing' && again === this.restart
        ? { label: 'Use my voice alone', run: () => this.#useVoiceAlone() }
        : cameraPossible() ? { label: 'Try again', run: retry } : undefined);
      return { track: null, stale: false };
    }
    this.store.dismiss('camera');
    this.#setCamera(track);
    this.store.set({ camera: track.getSettings().deviceId ?? '' });
    void this.refresh(); // the labels are known once the camera is allowed
    return { track, stale: false };
  }

  /** For who has no camera. */
  #useVoiceAlone() {
    void this.switchCamera(false);
    void this.switchMicrophone(true);
    if (this.store.state.live === 'idle') {
      this.restart();
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
    this.motion.measure(track !== null);
    if (track) {
      track.onended = () => this.#handleCameraEnded();
    }
  }

  #handleCameraEnded() {
    this.store.set({ hasPreview: false });
    this.motion.measure(false);
    this.store.merge('sources', { cameraTrouble: 'missing' });
    this.store.notify({
      kind: 'error',
      about: 'camera',
      text: 'The camera went away: plug it in again or pick another; the avatar idles meanwhile.',
    });
    void this.refresh();
  }
}
