// @ts-check
/** Records the avatar into files that the browser saves: one for each picture and each size of the video. */

import { button, html, setIcon, setPressed, setText } from './dom.js';
import { openRecordingFile, removeStaleRecordings } from './recording_file.js';
import { LiveWebm } from './webm.js';

/** @typedef {import('./recording_file.js').RecordingFile} RecordingFile */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

/**
 * stage `countdown`: `left` seconds until the first frame. `recording`: into a file since `since`, as of Date.now(), which
 * has `bytes` so far. `between`: the last file is complete, and the next one begins with the next picture.
 * @typedef {{stage: 'countdown', left: number} | {stage: 'recording', since: number, bytes: number} | {stage: 'between'}} Recording
 */

/** Formats of an opaque recording, best first; the first one that the browser can write is used. */
const OPAQUE = [
  'video/mp4;codecs=avc1.42E01F,mp4a.40.2', // plays everywhere; AAC is not in every build of a browser
  'video/mp4;codecs=avc1.42E01F,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
  'video/mp4',
];
/** Formats of a recording with alpha: of the containers that browsers write, only WebM keeps it. */
const TRANSPARENT = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm'];
const BITRATE = 6_000_000; // bit/s: more than the stream has, so that recording loses little
const SLICE_MS = 1000; // of recording that is in memory at a time
const COUNTDOWN_S = 3;
const SWAP_MS = 400; // from a picture of the same size being ready to its first frame on this page, beside what `#swapTime` adds
const SWAP_FRAMES = 4; // of the former picture that are on their way by then, of a slow server later than that
const RESIZE_TIMEOUT_MS = 4000; // after which a recording goes on though no frame of the new size was seen

/**
 * A name such as kagami-2026-11-21-031205.webm, in local time.
 * @param {Date} date
 * @param {string} mime
 */
function fileName(date, mime) {
  const twoDigits = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  const time = `${twoDigits(date.getHours())}${twoDigits(date.getMinutes())}${twoDigits(date.getSeconds())}`;
  return `kagami-${day}-${time}.${mime.startsWith('video/mp4') ? 'mp4' : 'webm'}`;
}

/** One file. */
class Recorder {
  /**
   * Starts at once.
   * @param {MediaStream} stream what to record; the recording ends when it ends.
   * @param {boolean} transparent
   * @param {object} events
   * @param {(bytes: number) => void} events.progress called about once a second with the size so far
   * @param {() => void} events.full called when the file has as many bytes as it may have
   * @param {(file: {blob: Blob, name: string}, failure: unknown) => void} events.done called once, when the file is
   *   complete; failure: why it ended by itself, or null
   * @throws {Error} where the browser cannot record this stream.
   */
  constructor(stream, transparent, { progress, full, done }) {
    const mimeType = (transparent ? TRANSPARENT : OPAQUE).find((type) => MediaRecorder.isTypeSupported(type));
    this.since = Date.now();
    this.recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITRATE });
    const name = fileName(new Date(this.since), this.recorder.mimeType || mimeType || 'video/webm');
    const webm = name.endsWith('.webm') ? new LiveWebm() : null;
    const opening = openRecordingFile(name);
    /** @type {unknown} */
    let failure = null;
    let bytes = 0;
    /** The writes, one after another. @type {Promise<void>} */
    let writing = Promise.resolve();
    const write = (/** @type {(file: RecordingFile) => Promise<void>} */ run) => {
      writing = writing.then(async () => run(await opening)).catch((error) => {
        failure ??= error;
        this.stop(); // what is written so far is saved
      });
    };
    this.recorder.ondataavailable = ({ data }) => write(async (file) => {
      if (data.size > 0 && failure === null) {
        const slice = new Uint8Array(await data.arrayBuffer());
        const part = webm ? webm.add(slice) : slice;
        await file.append(part);
        bytes += part.length;
        progress(bytes);
        if (bytes > file.limit) {
          full();
        }
      }
    });
    this.recorder.onerror = (event) => { failure ??= /** @type {Event & {error?: unknown}} */ (event).error ?? 'it failed'; };
    this.recorder.onstop = () => {
      write(async (file) => {
        const { tail, patches } = webm ? webm.finish() : { tail: null, patches: [] };
        if (tail?.length) {
          await file.append(tail);
        }
        for (const { at, bytes: replacement } of patches) {
          await file.patch(at, replacement);
        }
      });
      void writing.then(async () => {
        const blob = await (await opening).close(this.recorder.mimeType || 'video/webm');
        done({ blob, name }, failure);
      }).catch((error) => done({ blob: new Blob(), name }, failure ?? error));
    };
    this.recorder.start(SLICE_MS);
  }

  stop() {
    if (this.recorder.state !== 'inactive') {
      this.recorder.stop();
    }
  }
}

/**
 * Saves a file through the browser's downloads.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * The page's recording: once it was asked for, every frame of the avatar goes into a file until it is asked to stop, and
 * each picture, each size and each kind of background has a file of its own.
 */
export class RecordingControl {
  /**
   * @param {Store} store
   * @param {() => MediaStream | null} source the avatar's picture and sound; null where there is none now
   */
  constructor(store, source) {
    this.store = store;
    this.source = source;
    this.isWanted = false;
    /** Whether frames are not recorded now, until `resume`: the next picture is not seen yet. */
    this.isHeld = false;
    /** Frames that are not recorded yet, since they may show the former picture. */
    this.staleFrames = 0;
    /** @type {Recorder | null} */
    this.recorder = null;
    this.unsaved = 0; // files that end now
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined; // of the countdown, or until a held recording goes on
    window.addEventListener('beforeunload', (event) => {
      if (this.recorder !== null || this.unsaved > 0) {
        event.preventDefault(); // the browser asks whether to leave
      }
    });
    void removeStaleRecordings();
  }

  /** Starts a recording while live, after a countdown; or ends and saves the present one, or ends the countdown. */
  toggle() {
    if (this.isWanted) {
      this.stop();
    } else if (this.store.state.live === 'live' && this.store.state.calibration?.stage !== 'countdown' && this.source()) {
      this.isWanted = true;
      this.#countDown(COUNTDOWN_S);
    }
  }

  /** Ends the countdown, if there is one. @returns {boolean} whether there was one */
  cancelCountdown() {
    const isCounting = this.store.state.recording?.stage === 'countdown';
    if (isCounting) {
      this.stop();
    }
    return isCounting;
  }

  /** Ends and saves the present recording, if there is one. */
  stop() {
    this.isWanted = this.isHeld = false;
    clearTimeout(this.timer);
    this.#endFile();
    this.store.set({ recording: null });
  }

  /**
   * Ends and saves the present file, if there is one. The recording goes on in another file.
   * @param {'resized' | 'swapped' | 'lost'} reason resized, swapped: what is shown next has another size, or is another
   *   picture of this size. lost: there is no connection; the first frame after it continues
   */
  split(reason) {
    if (!this.isWanted || this.store.state.recording?.stage === 'countdown') {
      return;
    }
    this.isHeld = true;
    this.staleFrames = reason === 'swapped' ? SWAP_FRAMES : 0;
    clearTimeout(this.timer);
    if (reason !== 'lost') {
      this.timer = setTimeout(() => this.resume(), reason === 'swapped' ? this.#swapTime : RESIZE_TIMEOUT_MS);
    }
    this.#endFile();
    this.store.set({ recording: { stage: 'between' } });
  }

  /** Milliseconds in which frames of the former picture still come, by the delay that was measured. */
  get #swapTime() {
    const { stats, reading } = this.store.state;
    return SWAP_MS + (stats?.latency_ms.p99 ?? 0) + (reading?.total ?? 0);
  }

  /** What shall be recorded comes from now on: goes on after `split`. */
  resume() {
    this.isHeld = false;
    this.#continue();
  }

  /** A frame is shown: goes on after `split`, or after a file that ended by itself. Cheap. */
  handleFrame() {
    this.staleFrames = Math.max(0, this.staleFrames - 1);
    this.#continue();
  }

  /** Begins the next file where one is wanted, there is none, and nothing holds it. */
  #continue() {
    if (!this.isWanted || this.isHeld || this.staleFrames > 0 || this.recorder || this.store.state.recording?.stage === 'countdown') {
      return;
    }
    const stream = this.source();
    if (!stream?.getVideoTracks().some(({ readyState }) => readyState === 'live')) {
      return;
    }
    try {
      if (typeof MediaRecorder === 'undefined') {
        throw new Error('this browser has no recorder');
      }
      /** @type {Recorder} */
      const recorder = new Recorder(stream, this.store.state.stacked, {
        progress: (bytes) => recorder === this.recorder && this.#show(recorder, bytes),
        full: () => recorder === this.recorder && this.#endFile(),
        done: (file, failure) => this.#handleDone(recorder, file, failure),
      });
      this.recorder = recorder;
      this.#show(recorder, 0);
    } catch (error) {
      this.stop();
      const reason = error instanceof Error ? error.message : error;
      const text = `Nothing can be recorded (${reason}): try a current Chrome, Edge or Firefox.`;
      this.store.notify({ kind: 'error', about: 'recording', text });
    }
  }

  /** @param {number} left seconds */
  #countDown(left) {
    if (left === 0) {
      this.store.set({ recording: { stage: 'between' } });
      this.#continue();
      return;
    }
    this.store.set({ recording: { stage: 'countdown', left } });
    this.timer = setTimeout(() => this.#countDown(left - 1), 1000);
  }

  /** @param {Recorder} recorder @param {number} bytes */
  #show({ since }, bytes) {
    this.store.set({ recording: { stage: 'recording', since, bytes } });
  }

  #endFile() {
    if (this.recorder) {
      this.unsaved += 1;
      this.recorder.stop();
      this.recorder = null;
    }
  }

  /**
   * @param {Recorder} recorder
   * @param {{blob: Blob, name: string}} file
   * @param {unknown} failure
   */
  #handleDone(recorder, { blob, name }, failure) {
    if (recorder === this.recorder) { // it ended by itself, because its stream did or because it failed
      this.recorder = null;
      this.store.set({ recording: { stage: 'between' } });
    } else {
      this.unsaved -= 1;
    }
    if (failure !== null) {
      this.stop();
    }
    if (blob.size > 0) {
      save(blob, name);
    }
    const goesOn = this.isWanted ? ' It goes on in another file.' : '';
    const reason = failure instanceof Error ? failure.message : failure;
    const again = blob.size > 0 ? { action: { label: 'Save again', run: () => save(blob, name) } } : {};
    if (failure !== null) {
      const text = `The recording ended (${reason}): see that there is room on the disk, and record again.`;
      this.store.notify({ kind: 'error', about: 'recording', text, ...again });
    } else if (blob.size > 0) {
      const text = `The recording is saved as ${name}.${goesOn}`;
      this.store.notify({ kind: 'info', about: 'recording', text, ...again });
    }
  }
}

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** @param {State} state */
export function renderRecording({ recording, live }) {
  const stage = recording?.stage;
  html('recording').hidden = recording?.stage !== 'recording';
  if (recording?.stage === 'recording') {
    const seconds = Math.floor((Date.now() - recording.since) / 1000);
    setText(html('recording-time'), `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`);
    setText(html('recording-size'), recording.bytes > 0 ? megabytes(recording.bytes) : '');
  }
  button('record').disabled = live !== 'live' && stage === undefined;
  setPressed('record', stage !== undefined);
  setIcon('record', stage !== undefined ? 'stop' : 'record');
}
