// @ts-check
/** The page: connects its state, the connection, the devices and the view. */

import { Acts, keptFaces } from './acts.js';
import { AvatarView } from './avatar_view.js';
import { BackgroundFile } from './background.js';
import { CalibrationControl } from './calibration.js';
import { Connection } from './connection.js';
import { ControlSync } from './control_sync.js';
import { Devices } from './devices.js';
import { element, image } from './dom.js';
import { PointsEditor } from './editor.js';
import { ClipFilm } from './film.js';
import { bindInput } from './input.js';
import { DEFAULT_RESOLUTION } from './media_devices.js';
import { Meter } from './meter.js';
import { MoodControl } from './mood.js';
import { PeopleNotice } from './people.js';
import { fillPhoneCard } from './phone.js';
import { ReferencePicture } from './picture.js';
import { PresetShelf } from './presets.js';
import { newSecret, saveResumption, takeResumption } from './resume.js';
import { isLocal, socketAddress } from './server.js';
import { readServerConfig, RefusedError } from './server_config.js';
import { Shelf } from './shelf.js';
import { saveShown } from './shown_before.js';
import { showLevel } from './sources.js';
import { initialState, remember, remembered } from './state.js';
import { Store } from './store.js';
import { render, renderAmbient, renderLocation } from './view.js';

/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./connection.js').ConnectionEvent} ConnectionEvent */
/** @typedef {import('./state.js').State} State */

const READING_INTERVAL_MS = 1000;

export class App {
  constructor() {
    const { camera = '', sources = {}, resolution = DEFAULT_RESOLUTION, microphone = '', showSelf = true, shortcuts = true, samplesShown = true, faces = {}, mood, controls = {} } = remembered();
    const { shelf, capture, acts, sources: usual, mood: none } = initialState();
    const renderAll = (/** @type {State} */ state) => {
      render(state);
      this.people.update(state);
    };
    this.store = new Store(renderAll, {
      camera, sources: { ...usual, ...sources }, showSelf, shortcuts, shelf: { ...shelf, samplesShown }, capture: { ...capture, resolution, microphone },
      acts: { ...acts, own: keptFaces(faces) }, mood: { ...none, text: mood ?? '', isOwn: mood !== undefined },
    });
    this.meter = new Meter();
    this.avatar = new AvatarView(this.store, this.meter);
    this.calibration = new CalibrationControl(this.store, () => this.connection.send({ type: 'control', calibrate: true }));
    /** What this page was before it was reloaded while live. */
    this.resumption = takeResumption();
    this.connection = new Connection({
      url: socketAddress(),
      secret: this.resumption?.secret ?? newSecret(),
      emit: (event) => this.handleEvent(event),
    });
    this.controls = new ControlSync(this.store, this.connection, controls);
    this.picture = new ReferencePicture(this.store, this.connection);
    this.people = new PeopleNotice(this.store);
    this.acts = new Acts(this.store, this.connection);
    this.mood = new MoodControl(this.store, this.connection);
    this.shelf = new Shelf(this.store, this.picture);
    this.editor = new PointsEditor(this.store, this.picture);
    this.picture.onPointsWanted = (which) => void this.editor.open(which);
    this.background = new BackgroundFile(this.store);
    this.film = new ClipFilm(this.store, this.picture);
    this.presets = new PresetShelf(this);
    this.devices = new Devices({
      store: this.store,
      connection: this.connection,
      preview: element('preview', HTMLVideoElement),
      showLevel: (level) => showLevel('level', level),
      showMotion: (level) => showLevel('camera-level', level),
      restart: () => void this.start(),
    });
  }

  get state() {
    return this.store.state;
  }

  /** @param {import('./shown_before.js').Shown | null} before what the stage showed before this page was loaded again */
  run(before) {
    renderLocation();
    if (before) {
      this.picture.shown.showBefore(before);
    } else {
      this.picture.shown.showDefault();
    }
    void this.background.restore();
    this.connection.open();
    void this.#readConfig();
    void this.shelf.load().finally(() => this.picture.shown.endRestoring());
    void fillPhoneCard();
    void this.devices.refresh();
    setInterval(() => void this.#measure(), READING_INTERVAL_MS);
    if (this.resumption) {
      void this.start(); // it was live before it was loaded again
    }
  }

  // ---- live

  /** The page is unloaded. If it is live, its next load may go on. */
  leave() {
    saveShown(this.state.size);
    if (this.state.live === 'idle') {
      this.connection.close();
    } else {
      saveResumption({ secret: this.connection.secret ?? '' });
      this.connection.leave();
    }
  }

  toggleLive() {
    if (this.state.live === 'idle') {
      void this.start();
    } else {
      this.stop();
    }
  }

  async start() {
    this.store.dismiss();
    this.store.set({ live: 'starting' });
    if (this.state.link === 'refused') {
      this.connection.open();
    }
    const { track, stale } = await this.devices.start();
    if (stale) {
      return;
    }
    if (this.state.sources.camera && !track) {
      this.store.set({ live: 'idle' });
      return;
    }
    this.meter.reset();
    this.connection.start(this.devices.tracks);
  }

  stop() {
    this.#endLive();
    this.connection.stop();
  }

  /** Ends everything that belongs to being live, except the connection. */
  #endLive() {
    this.avatar.clear();
    this.calibration.end();
    this.devices.stop();
    this.store.set({
      live: 'idle', mediaLost: false, phase: null, speaks: false, recorded: false, stats: null, reading: null, fps: [], stacked: false, reframing: false,
    });
    this.store.merge('controls', { paused: false });
  }

  // ---- settings of this page

  /** @param {boolean} showSelf */
  setShowSelf(showSelf) {
    remember({ showSelf });
    this.store.set({ showSelf });
  }

  /** @param {boolean} shortcuts */
  setShortcuts(shortcuts) {
    remember({ shortcuts });
    this.store.set({ shortcuts });
  }

  // ---- events of the connection

  /** @param {ConnectionEvent} event */
  handleEvent(event) {
    switch (event.kind) {
      case 'link':
        this.#handleLink(event);
        break;
      case 'message':
        this.#handleMessage(event.message);
        break;
      case 'media':
        this.#handleMedia(event);
        break;
      case 'stream':
        this.avatar.show(event.stream);
        break;
      case 'error':
        this.store.notify({ kind: 'error', about: 'protocol', text: event.text });
        break;
    }
  }

  /** @param {Extract<ConnectionEvent, {kind: 'link'}>} event */
  #handleLink({ link }) {
    this.store.set({ link });
    if (link === 'open') {
      this.store.dismiss('link');
    } else if (link === 'lost') {
      this.avatar.hold();
      this.picture.handleConnectionLost();
      this.background.handleConnectionLost();
      if (this.state.notice?.kind !== 'error' || this.state.notice.about === 'picture') { // that it did not arrive is part of this
        this.store.notify({
          kind: 'error',
          about: 'link',
          text: 'The connection to the server is lost: it is tried again by itself; see that the server runs.',
          action: { label: 'Try now', run: () => this.connection.retryNow() },
        });
      }
    }
  }

  /** @param {Extract<ConnectionEvent, {kind: 'media'}>} event */
  #handleMedia({ media }) {
    this.store.set({ mediaLost: this.state.live === 'live' && media !== 'connected' });
    if (this.state.mediaLost) {
      this.avatar.hold();
    }
    if (media === 'unreachable') {
      this.store.notify({
        kind: 'error',
        about: 'media',
        text: 'Video cannot reach the server: a firewall or VPN may be in the way; it is tried again, and a TURN server helps (see the README).',
      });
    } else if (media === 'connected') {
      this.store.dismiss('media');
    }
  }

  /** @param {ServerMessage} message */
  #handleMessage(message) {
    switch (message.type) {
      case 'ready':
        this.#handleReady(message);
        break;
      case 'state':
        this.store.set({ phase: message.phase, progress: message.progress, phaseMessage: message.message, people: message.people, speaks: message.speaks, recorded: message.recorded });
        this.calibration.handleState(message);
        break;
      case 'picture-status':
        this.avatar.expect(message, message.by_program || this.picture.coming !== null);
        this.picture.handleStatus(message);
        break;
      case 'film':
        this.film.handleStatus(message);
        break;
      case 'controls':
        this.controls.adopt(message.controls);
        break;
      case 'face':
        this.acts.handleFace(message);
        break;
      case 'mood':
        this.mood.handleRead(message);
        break;
      case 'acts':
        this.acts.handleActs(message);
        break;
      case 'stats':
        this.store.set({ stats: message });
        break;
      case 'error':
        this.#handleError(message);
        break;
      case 'bye':
        this.store.notify({ kind: 'error', about: 'link', text: message.reason });
        break;
    }
  }

  /** @param {import('./messages.js').ServerError} error */
  #handleError({ code, fatal, message }) {
    if (code === 'not-seen') {
      this.acts.handleNotSeen();
    }
    if ((fatal && code !== 'closed') || code === 'full') {
      this.#endLive();
    }
    this.store.notify({
      kind: 'error',
      about: code === 'connection' ? 'media' : code === 'closed' ? 'link' : code,
      text: message,
      ...(fatal || code === 'full' ? { action: { label: 'Try again', run: () => void this.start() } } : {}),
    });
  }

  /** @param {import('./messages.js').Ready} ready */
  #handleReady(ready) {
    this.store.set({ phase: null });
    this.controls.handleReady(ready);
    if (!ready.resumed) { // else its picture may be another one
      this.shelf.setStart(ready.picture.name);
    }
    this.picture.handleReady(ready, this.shelf.wornKey);
    this.background.handleReady(ready.session);
    this.film.handleReady(ready);
    this.acts.handleReady();
    this.mood.handleReady(ready.mood);
  }

  // ---- measurements, configuration

  async #measure() {
    if (this.state.live !== 'live') {
      return;
    }
    const { peer } = this.connection;
    const reading = await this.meter.read(peer, this.state.stats?.latency_ms.p50 ?? null);
    if (peer === this.connection.peer && this.state.live === 'live') {
      this.store.set({ reading, fps: this.meter.fps });
    }
  }

  async #readConfig() {
    /** @type {import('./server_config.js').ServerConfig | null} */
    let config;
    try {
      config = await readServerConfig();
    } catch (error) {
      if (!(error instanceof RefusedError)) {
        throw error;
      }
      this.connection.close();
      this.store.set({ link: 'refused' });
      this.store.notify({ kind: 'error', about: 'forbidden', text: error.message });
      return;
    }
    if (config === null) {
      return;
    }
    this.shelf.setStart(config.picture?.name ?? '');
    this.picture.maxMegabytes = config.max_upload_mb ?? this.picture.maxMegabytes;
    this.background.maxMegabytes = this.picture.maxMegabytes;
    this.film.maxMegabytes = config.max_clip_mb ?? this.film.maxMegabytes;
    this.store.set({ filmMinutes: config.film_minutes ?? this.state.filmMinutes, serverRecords: config.records === true, trackers: config.trackers ?? [] });
    this.devices.writesObs = isLocal() && config.virtual_camera === true;
    void this.devices.refresh();
  }
}

/** @param {import('./shown_before.js').Shown | null} before what the stage showed before this page was loaded again */
export function runApp(before) {
  const app = new App();
  bindInput(app);
  image('still').addEventListener('load', renderAmbient);
  app.run(before);
}
