// @ts-check
/** Records the avatar into a file that the browser saves. */

/** @typedef {import('./store.js').Store} Store */

/** Formats of an opaque recording, best first; the first one that the browser can write is used. */
const OPAQUE = [
  'video/mp4;codecs=avc1.42E01F,mp4a.40.2', // plays everywhere
  'video/mp4;codecs=avc1.42E01F,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
  'video/mp4',
];
/** Formats of a recording with alpha: of the containers that browsers write, only WebM keeps it. */
const TRANSPARENT = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm'];
const BITRATE = 6_000_000; // bit/s: more than the stream has, so that recording loses little

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

/** One recording. */
class Recorder {
  /**
   * Starts at once.
   * @param {MediaStream} stream what to record; the recording ends when it ends.
   * @param {boolean} transparent
   * @param {(file: {blob: Blob, name: string}) => void} done called once, when the recording is complete.
   * @throws {Error} where the browser cannot record this stream.
   */
  constructor(stream, transparent, done) {
    const mimeType = (transparent ? TRANSPARENT : OPAQUE).find((type) => MediaRecorder.isTypeSupported(type));
    this.since = Date.now();
    this.recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITRATE });
    /** @type {Blob[]} */
    const parts = [];
    const started = new Date();
    this.recorder.ondataavailable = ({ data }) => data.size > 0 && parts.push(data);
    this.recorder.onstop = () => {
      const type = this.recorder.mimeType || 'video/webm';
      done({ blob: new Blob(parts, { type }), name: fileName(started, type) });
    };
    this.recorder.start(1000);
  }

  stop() {
    if (this.recorder.state !== 'inactive') {
      this.recorder.stop();
    }
  }
}

/**
 * Saves a file through the browser's downloads.
 * @param {{blob: Blob, name: string}} file
 */
function save({ blob, name }) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The page's record button: at most one recording at a time. */
export class RecordingControl {
  /**
   * @param {Store} store
   * @param {() => MediaStream | null} source the avatar's picture and sound; null where there is none now
   */
  constructor(store, source) {
    this.store = store;
    this.source = source;
    /** @type {Recorder | null} */
    this.recorder = null;
    /** Whether the recording was ended by a new size of the video, and goes on in another file. */
    this.isSuspended = false;
    this.hasNewSize = false;
  }

  /** Starts a recording while live, or ends and saves the present one. */
  toggle() {
    if (this.recorder) {
      this.stop();
      return;
    }
    const stream = this.store.state.live === 'live' ? this.source() : null;
    if (!stream) {
      return;
    }
    try {
      if (typeof MediaRecorder === 'undefined') {
        throw new Error('this browser has no recorder');
      }
      this.recorder = new Recorder(stream, this.store.state.stacked, (file) => this.#handleDone(file));
      this.store.set({ recordingSince: this.recorder.since });
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      const text = `Nothing can be recorded (${reason}): try a current Chrome, Edge or Firefox.`;
      this.store.notify({ kind: 'error', about: 'recording', text });
    }
  }

  /** Ends and saves the present recording, if there is one. */
  stop() {
    this.isSuspended = false;
    this.recorder?.stop();
  }

  /** Ends and saves the present recording, if there is one, until `resume` goes on in another file. */
  suspend() {
    if (this.recorder && !this.isSuspended) {
      this.isSuspended = true;
      this.hasNewSize = false;
      this.recorder.stop();
    }
  }

  /** Goes on in another file after `suspend`, now that the video has its new size. */
  resume() {
    this.hasNewSize = true;
    if (this.isSuspended && !this.recorder) {
      this.isSuspended = false;
      this.toggle();
    }
  }

  /** @param {{blob: Blob, name: string}} file */
  #handleDone(file) {
    this.recorder = null;
    this.store.set({ recordingSince: null });
    if (this.hasNewSize) {
      this.resume();
    }
    if (file.blob.size > 0) {
      save(file);
      this.store.notify({ kind: 'info', about: 'recording', text: `The recording is saved as ${file.name}.` });
    }
  }
}
