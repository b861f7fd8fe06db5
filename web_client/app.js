// @ts-check
/** The page: one state, what people do to it, what the server says about it. */

import { DeviceError, cameraPossible, listCameras, openCamera, openMicrophone } from './camera.js';
import { Connection } from './connection.js';
import { bind } from './input.js';
import { Matte, isStacked } from './matte.js';
import { Meter } from './meter.js';
import { PictureError, check, upload } from './picture.js';
import { Recorder, canRecord, save } from './recorder.js';
import { address, socketAddress } from './server.js';
import { initialState, remember, remembered } from './state.js';
import { element, render, renderAmbient, renderPlace } from './view.js';

/** @typedef {import('./protocol.js').Controls} Controls */
/** @typedef {import('./protocol.js').ServerMessage} ServerMessage */
/** @typedef {import('./connection.js').Happening} Happening */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').Notice} Notice */

const CONTROL_EVERY_MS = 80; // sliders move faster than the server needs to know
const INFO_MS = 6000;
const BACKGROUNDS = /** @type {const} */ (['original', 'blur', 'colour', 'transparent']);

export class App {
  constructor() {
    const { camera = '', showSelf = true, controls = {} } = remembered();
    /** @type {State} */
    this.state = { ...initialState(), camera, showSelf };
    /** What this person has changed; the server's own settings hold for the rest. @type {Partial<Controls>} */
    this.chosen = controls;
    /** @type {Partial<Controls>} */
    this.unsent = {};
    this.connection = new Connection({ url: socketAddress(), tell: (happening) => this.hear(happening) });
    this.meter = new Meter();
    this.video = element('avatar', HTMLVideoElement);
    this.canvas = element('cutout', HTMLCanvasElement);
    this.preview = element('preview', HTMLVideoElement);
    /** @type {Matte | null} */
    this.matte = null;
    /** @type {Recorder | null} */
    this.recorder = null;
    /** @type {MediaStreamTrack | null} */
    this.cameraTrack = null;
    /** @type {MediaStreamTrack | null} */
    this.micTrack = null;
    /** The picture that was uploaded and taken, to be sent again to a new session. @type {File | null} */
    this.file = null;
    /** @type {File | null} */
    this.sending = null;
    /** Given while the server was away. @type {File | null} */
    this.waiting = null;
    this.session = '';
    this.maxUploadMb = 20;
    /** Counts starts and stops, so that a camera that opens late knows that it is no longer wanted. */
    this.turn = 0;
    this.dirty = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.controlTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.noticeTimer = undefined;
  }

  run() {
    renderPlace();
    this.set({ picture: { ...this.state.picture, url: address('api/picture').href } });
    this.connection.open();
    void this.#configure();
    void this.refreshCameras();
    setInterval(() => void this.#tick(), 1000);
    this.video.requestVideoFrameCallback((_, frame) => this.#onFrame(frame));
  }

  /**
   * Changes the state; the page follows once the present task is done.
   * @param {Partial<State>} changes
   */
  set(changes) {
    Object.assign(this.state, changes);
    if (!this.dirty) {
      this.dirty = true;
      queueMicrotask(() => {
        this.dirty = false;
        render(this.state);
      });
    }
  }

  /** @param {Notice} notice */
  notify(notice) {
    clearTimeout(this.noticeTimer);
    this.set({ notice });
    if (notice.kind === 'info') {
      this.noticeTimer = setTimeout(() => this.dismiss(), INFO_MS);
    }
  }

  /** @param {string} [about] only a notice about this */
  dismiss(about) {
    if (about === undefined || this.state.notice?.about === about) {
      this.set({ notice: null });
    }
  }

  // ---- live

  toggleLive() {
    if (this.state.live === 'idle') {
      void this.start();
    } else {
      this.stop();
    }
  }

  async start() {
    const turn = ++this.turn;
    this.dismiss();
    this.set({ live: 'starting' });
    if (this.state.link === 'refused') {
      this.connection.open();
    }
    const track = await this.#openCamera();
    if (turn !== this.turn) {
      track?.stop();
      return;
    }
    if (!track) {
      this.set({ live: 'idle' });
      return;
    }
    this.meter.reset();
    this.connection.start({ video: track, audio: null });
  }

  stop() {
    this.#end();
    this.connection.stop();
  }

  /** Everything that ends with being live, on this side. */
  #end() {
    this.turn += 1;
    this.recorder?.stop();
    this.#useCamera(null);
    this.#useMicrophone(null);
    this.video.srcObject = null;
    this.set({
      live: 'idle', frozen: false, phase: null, stats: null, reading: null, fps: [], stacked: false,
      controls: { ...this.state.controls, paused: false },
    });
  }

  // ---- camera and microphone

  async refreshCameras() {
    const cameras = await listCameras().catch(() => []);
    this.set({ cameras });
    if (this.state.live !== 'idle' && this.cameraTrack?.readyState === 'ended' && cameras.length > 0) {
      await this.#reopenCamera(); // it was plugged in again
    }
  }

  /** @param {string} id */
  async chooseCamera(id) {
    remember({ camera: id });
    this.set({ camera: id });
    if (this.state.live !== 'idle') {
      await this.#reopenCamera();
    }
  }

  async #reopenCamera() {
    const { turn } = this;
    this.#useCamera(null); // many cameras, and all phones, open one at a time only
    const track = await this.#openCamera();
    if (turn !== this.turn) {
      track?.stop();
    } else if (track) {
      await this.connection.replace('video', track);
    }
  }

  /** @returns {Promise<MediaStreamTrack | null>} null: the page says why */
  async #openCamera() {
    const { turn } = this;
    try {
      const track = await openCamera(this.state.camera);
      if (turn === this.turn) {
        this.dismiss('camera');
        this.#useCamera(track);
        this.set({ camera: track.getSettings().deviceId ?? '' });
        void this.refreshCameras(); // labels are known once a camera was allowed
      }
      return track;
    } catch (error) {
      const retry = { label: 'Try again', run: () => void (this.state.live === 'idle' ? this.start() : this.#reopenCamera()) };
      this.#explain(error, 'camera', cameraPossible() ? retry : undefined);
      return null;
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #useCamera(track) {
    if (this.cameraTrack) {
      this.cameraTrack.onended = null;
      this.cameraTrack.stop();
    }
    this.cameraTrack = track;
    this.preview.srcObject = track && new MediaStream([track]);
    this.set({ hasPreview: track !== null });
    if (track) {
      track.onended = () => {
        this.set({ hasPreview: false });
        this.notify({
          kind: 'error',
          about: 'camera',
          text: 'The camera went away: plug it in again or pick another; the avatar idles meanwhile.',
        });
        void this.refreshCameras();
      };
    }
  }

  async toggleMicrophone() {
    if (this.micTrack) {
      this.#useMicrophone(null);
      await this.connection.replace('audio', null);
      return;
    }
    const { turn } = this;
    try {
      const track = await openMicrophone();
      if (turn !== this.turn) {
        track.stop();
        return;
      }
      this.dismiss('microphone');
      this.#useMicrophone(track);
      await this.connection.replace('audio', track);
    } catch (error) {
      this.#explain(error, 'microphone');
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #useMicrophone(track) {
    this.micTrack?.stop();
    this.micTrack = track;
    this.set({ microphone: track !== null });
    if (track) {
      track.onended = () => this.#useMicrophone(null);
    }
  }

  // ---- controls

  /** @param {Partial<Controls>} changes */
  control(changes) {
    const { paused, ...kept } = changes;
    this.chosen = { ...this.chosen, ...kept };
    remember({ controls: kept });
    this.set({ controls: { ...this.state.controls, ...changes } });
    this.unsent = { ...this.unsent, ...changes };
    this.controlTimer ??= setTimeout(() => this.#sendControls(), CONTROL_EVERY_MS);
  }

  #sendControls() {
    clearTimeout(this.controlTimer);
    this.controlTimer = undefined;
    if (Object.keys(this.unsent).length > 0 && this.connection.ready) {
      this.connection.say({ type: 'control', ...this.unsent });
      this.unsent = {};
    }
  }

  nextBackground() {
    const at = BACKGROUNDS.indexOf(this.state.controls.background);
    this.control({ background: BACKGROUNDS[(at + 1) % BACKGROUNDS.length] });
  }

  calibrate() {
    if (this.state.live === 'live') {
      this.connection.say({ type: 'control', calibrate: true });
    }
  }

  // ---- picture

  /** @param {File | null} file */
  async wear(file) {
    if (!file) {
      return;
    }
    this.dismiss('picture');
    try {
      check(file, this.maxUploadMb);
      await this.#send(file);
    } catch (error) {
      this.#pictureFailed(error instanceof PictureError ? error.message : String(error));
    }
  }

  /** @param {File} file */
  async #send(file) {
    if (this.sending) {
      throw new PictureError(`${this.sending.name} is being prepared: wait a moment, then give ${file.name}.`);
    }
    this.#forgetNext();
    const { picture } = this.state;
    this.set({ picture: { ...picture, next: { name: file.name, url: URL.createObjectURL(file) }, fresh: false } });
    if (!this.connection.ready) {
      this.waiting = file; // sent as soon as the server is there
      return;
    }
    this.sending = file;
    await upload(address('api/picture'), this.session, file);
  }

  /** @param {string} text */
  #pictureFailed(text) {
    this.#forgetNext();
    this.notify({ kind: 'error', about: 'picture', text });
    this.connection.release();
  }

  #forgetNext() {
    const { picture } = this.state;
    if (picture.next) {
      URL.revokeObjectURL(picture.next.url);
    }
    this.sending = null;
    this.set({ picture: { ...picture, next: null } });
  }

  /** @param {import('./protocol.js').PictureStatus} status */
  #onPicture(status) {
    if (status.stage === 'failed') {
      this.#pictureFailed(status.message ?? `${status.name} could not be used: choose another picture.`);
    } else if (status.stage === 'ready') {
      const { picture } = this.state;
      const url = picture.next?.url ?? picture.url;
      if (picture.next && picture.url.startsWith('blob:')) {
        URL.revokeObjectURL(picture.url);
      }
      this.file = this.sending ?? this.file;
      this.sending = null;
      const { width, height, name, notes } = status;
      this.set({ picture: { name, url, notes, next: null, fresh: true }, ...(width && height ? { size: { width, height } } : {}) });
      this.connection.release();
    }
  }

  // ---- recording and full screen

  toggleRecording() {
    if (this.recorder) {
      this.recorder.stop();
      return;
    }
    const { stacked } = this.state;
    const source = this.video.srcObject;
    if (this.state.live !== 'live' || !(source instanceof MediaStream)) {
      return;
    }
    const pictures = stacked ? this.canvas.captureStream() : source;
    try {
      if (!canRecord()) {
        throw new Error('this browser has no recorder');
      }
      const stream = new MediaStream([...pictures.getVideoTracks(), ...source.getAudioTracks()]);
      this.recorder = new Recorder(stream, stacked, (file) => {
        this.recorder = null;
        this.set({ recordingSince: null });
        if (file.blob.size > 0) {
          save(file);
          this.notify({ kind: 'info', about: 'recording', text: `The recording is saved as ${file.name}.` });
        }
      });
      this.set({ recordingSince: this.recorder.since });
    } catch (error) {
      this.notify({ kind: 'error', about: 'recording', text: `Nothing can be recorded (${error instanceof Error ? error.message : error}): try a current Chrome, Edge or Firefox.` });
    }
  }

  async toggleFull() {
    const stage = element('stage', HTMLElement);
    if (document.fullscreenElement) {
      await document.exitFullscreen();
    } else if (stage.requestFullscreen) {
      await stage.requestFullscreen().catch(() => undefined);
    } else {
      this.set({ full: stage.classList.toggle('filling') }); // iPhones have no full screen for pages
    }
  }

  // ---- what happens

  /** @param {Happening} happening */
  hear(happening) {
    switch (happening.kind) {
      case 'link':
        this.#onLink(happening);
        break;
      case 'message':
        this.#onMessage(happening.message);
        break;
      case 'media':
        this.set({ frozen: this.state.live === 'live' && happening.media !== 'connected' });
        if (happening.media === 'unreachable') {
          this.notify({ kind: 'error', about: 'media', text: 'Video cannot reach the server: a firewall or VPN may be in the way; it is tried again, and a TURN server helps (see the README).' });
        } else if (happening.media === 'connected') {
          this.dismiss('media');
        }
        break;
      case 'stream':
        this.video.srcObject = happening.stream;
        this.video.play().catch(() => undefined);
        break;
      case 'trouble':
        this.notify({ kind: 'error', about: 'protocol', text: happening.text });
        break;
    }
  }

  /** @param {Extract<Happening, {kind: 'link'}>} happening */
  #onLink(happening) {
    this.set({ link: happening.link });
    if (happening.link === 'open') {
      this.dismiss('link');
    } else if (happening.link === 'lost') {
      this.recorder?.stop();
      if (!this.waiting) {
        this.#forgetNext();
      }
      if (this.state.notice?.kind !== 'error') {
        this.notify({
          kind: 'error', about: 'link',
          text: 'The connection to the server is lost: it is tried again by itself; see that the server runs.',
          action: { label: 'Try now', run: () => this.connection.hurry() },
        });
      }
    }
  }

  /** @param {ServerMessage} message */
  #onMessage(message) {
    switch (message.type) {
      case 'ready':
        this.#onReady(message);
        break;
      case 'state':
        this.set({ phase: message.phase, progress: message.progress, phaseMessage: message.message });
        break;
      case 'picture-status':
        this.#onPicture(message);
        break;
      case 'stats':
        this.set({ stats: message });
        break;
      case 'error':
        if ((message.fatal && message.code !== 'closed') || message.code === 'full') {
          this.#end();
        }
        this.notify({
          kind: 'error', about: message.code === 'connection' ? 'media' : message.code, text: message.message,
          ...(message.fatal || message.code === 'full' ? { action: { label: 'Try again', run: () => void this.start() } } : {}),
        });
        break;
      case 'bye':
        this.notify({ kind: 'error', about: 'link', text: message.reason });
        break;
    }
  }

  /** @param {import('./protocol.js').Ready} ready */
  #onReady({ session, video, picture, controls }) {
    this.session = session;
    const { paused } = this.state.controls;
    const wanted = { ...controls, ...this.chosen, paused };
    this.unsent = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => (
      value !== controls[/** @type {keyof Controls} */ (name)])));
    this.set({ controls: wanted, phase: null });
    this.#sendControls();
    const ours = this.waiting ?? this.file;
    this.waiting = null;
    if (ours) {
      // A new session wears the server's picture: give it ours before anybody sees it.
      this.connection.hold();
      void this.wear(ours);
    } else {
      const { width, height } = video;
      this.set({ size: { width, height }, picture: { ...this.state.picture, name: picture.name, notes: picture.notes } });
    }
  }

  /** @param {VideoFrameCallbackMetadata} frame */
  #onFrame(frame) {
    this.video.requestVideoFrameCallback((_, next) => this.#onFrame(next));
    if (this.state.live === 'idle') {
      return;
    }
    this.meter.shown(frame);
    const stacked = isStacked(frame, this.state.size) ?? this.state.stacked;
    if (stacked) {
      this.matte ??= new Matte(this.video, this.canvas);
      this.matte.draw();
    }
    if (this.state.live !== 'live' || stacked !== this.state.stacked) {
      this.recorder?.stop(); // one file holds one kind of picture
      this.set({ live: 'live', stacked });
    }
  }

  async #tick() {
    if (this.state.live !== 'live') {
      return;
    }
    const reading = await this.meter.read(this.connection.peer, this.state.stats?.latency_ms.p50 ?? null);
    this.set({ reading, fps: this.meter.fps });
  }

  async #configure() {
    /** @type {Response} */
    let response;
    try {
      response = await fetch(address('api/config'));
    } catch {
      return; // the WebSocket says it better
    }
    if (response.status === 401 || response.status === 403) {
      /** @type {{message?: string}} */
      const answer = await response.json().catch(() => ({}));
      this.connection.close();
      this.set({ link: 'refused' });
      this.notify({ kind: 'error', about: 'forbidden', text: answer.message ?? 'The server does not let this page in: open the address that it printed.' });
    } else if (response.ok) {
      this.maxUploadMb = (await response.json()).max_upload_mb ?? this.maxUploadMb;
    }
  }

  /**
   * @param {unknown} error
   * @param {string} about
   * @param {Notice['action']} [action]
   */
  #explain(error, about, action) {
    const text = error instanceof DeviceError ? error.message : `Something broke in this page (${error}): reload it.`;
    this.notify({ kind: 'error', about, text, ...(action ? { action } : {}) });
  }
}

export function runApp() {
  const app = new App();
  bind(app);
  element('still', HTMLImageElement).addEventListener('load', renderAmbient);
  app.run();
}
