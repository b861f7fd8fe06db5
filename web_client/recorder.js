// @ts-check
/** Records the avatar into a file that the browser saves. */

/** The first that the browser can write is taken. */
const OPAQUE = [
  'video/mp4;codecs=avc1.42E01F,mp4a.40.2', // plays everywhere
  'video/mp4;codecs=avc1.42E01F,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
  'video/mp4',
];
/** Of these containers only WebM keeps transparency. */
const TRANSPARENT = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm'];
const BITRATE = 6_000_000; // bit/s: a recording may be better than the call

/** Whether this browser records at all. */
export const canRecord = () => typeof MediaRecorder !== 'undefined';

/**
 * kagami-2026-11-21-031205.webm
 * @param {Date} date
 * @param {string} mime
 */
export function fileName(date, mime) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
  return `kagami-${day}-${time}.${mime.startsWith('video/mp4') ? 'mp4' : 'webm'}`;
}

export class Recorder {
  /**
   * Starts at once.
   * @param {MediaStream} stream what to record; its end ends the recording.
   * @param {boolean} transparent
   * @param {(file: {blob: Blob, name: string}) => void} done called once, when the recording is complete.
   * @throws {Error} where the browser records no such stream.
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
 * Hands a file to the browser's downloads.
 * @param {{blob: Blob, name: string}} file
 */
export function save({ blob, name }) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
