// @ts-check
/**
 * Completes the WebM files of browsers' recorders, which are written as for a live stream: without a duration, without an
 * index for seeking and with a segment of unknown size. Formats: RFC 8794 (EBML) and RFC 9559 (Matroska).
 */

const SEGMENT = 0x18538067;
const SEEK_HEAD = 0x114d9b74;
const SEEK = 0x4dbb;
const SEEK_ID = 0x53ab;
const SEEK_POSITION = 0x53ac;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const CLUSTER = 0x1f43b675;
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const CUES = 0x1c53bb6b;
const CUE_POINT = 0xbb;
const CUE_TIME = 0xb3;
const CUE_TRACK_POSITIONS = 0xb7;
const CUE_TRACK = 0xf7;
const CUE_CLUSTER_POSITION = 0xf1;
const VOID = 0xec;

const VIDEO = 1; // value of TRACK_TYPE
const IS_KEY_FRAME = 0x80; // of the flags of a SIMPLE_BLOCK
const DEFAULT_SCALE_NS = 1_000_000;
const MAX_ELEMENT_BYTES = 1 << 20; // of those that are read whole; a larger one is not from a browser's recorder
const BLOCK_HEADER_BYTES = 11; // at most: track number 8, timestamp 2, flags 1
const SEEK_HEAD_BYTES = 26; // of one entry, see `seekHead`

/** @param {number} value @param {number} count of bytes @returns {number[]} big endian */
const bigEndian = (value, count) => Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * (count - 1 - i))) % 256);

/** @param {number} id */
const idBytes = (id) => bigEndian(id, id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1);

/** @param {number} size @returns {number[]} always 8 bytes, so that a size can be replaced in place */
const sizeBytes = (size) => [1, ...bigEndian(size, 7)];

/** @param {number} id @param {number[]} payload */
const element = (id, payload) => [...idBytes(id), ...sizeBytes(payload.length), ...payload];

/** @param {number} value @returns {number[]} */
function float64(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return [...new Uint8Array(view.buffer)];
}

/** @param {Uint8Array} bytes */
const unsigned = (bytes) => bytes.reduce((value, byte) => value * 256 + byte, 0);

/** The SEEK_HEAD that names the place of the cues. @param {number} position of the cues within the segment */
function seekHead(position) {
  const entry = [...idBytes(SEEK_ID), 0x84, ...idBytes(CUES), ...idBytes(SEEK_POSITION), 0x88, ...bigEndian(position, 8)];
  const seek = [...idBytes(SEEK), 0x80 + entry.length, ...entry];
  return [...idBytes(SEEK_HEAD), 0x80 + seek.length, ...seek];
}

/** A hole of SEEK_HEAD_BYTES, which `seekHead` fills later. */
const hole = () => [VOID, 0x80 + SEEK_HEAD_BYTES - 2, ...new Array(SEEK_HEAD_BYTES - 2).fill(0)];

/**
 * A variable-length integer.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {boolean} keepMarker whether the length's marker bit stays, as in ids
 * @returns {{value: number, end: number} | null} null where bytes are missing; value Infinity: the size is unknown
 */
function readVariable(bytes, at, keepMarker) {
  const first = bytes[at];
  if (first === undefined) {
    return null;
  }
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > bytes.length) {
    return length > 8 ? { value: NaN, end: at + 1 } : null;
  }
  const rest = bytes.subarray(at + 1, at + length);
  const head = keepMarker ? first : first & (0xff >> length);
  const isUnknown = !keepMarker && head === 0xff >> length && rest.every((byte) => byte === 0xff);
  return { value: isUnknown ? Infinity : head * 2 ** (8 * rest.length) + unsigned(rest), end: at + length };
}

/**
 * The children of a whole element's payload.
 * @param {Uint8Array} payload
 * @returns {{id: number, payload: Uint8Array, whole: Uint8Array}[]}
 */
function children(payload) {
  const found = [];
  for (let at = 0; at < payload.length;) {
    const id = readVariable(payload, at, true);
    const size = id && readVariable(payload, id.end, false);
    if (!id || !size || !(size.value <= payload.length - size.end)) {
      break;
    }
    const end = size.end + size.value;
    found.push({ id: id.value, payload: payload.subarray(size.end, end), whole: payload.subarray(at, end) });
    at = end;
  }
  return found;
}

/**
 * One file: `add` takes what the recorder gives and returns what to append to the file; `finish` returns what completes it.
 * A file that is no WebM of a live stream passes unchanged.
 */
export class LiveWebm {
  constructor() {
    /** Bytes that were added and are not parsed yet: less than one header, or one element that is read whole. */
    this.pending = new Uint8Array();
    this.skip = 0; // bytes of the present element's payload that pass unread
    this.written = 0; // bytes that were returned
    this.isPlain = false; // passes unchanged from now on
    this.segment = -1; // offset of the segment's payload
    this.durationAt = -1; // offset of the value
    this.seekHeadAt = -1;
    this.scale = DEFAULT_SCALE_NS; // nanoseconds of a unit of all timestamps
    this.videoTrack = -1;
    this.clusterAt = 0;
    this.clusterTime = 0;
    /** By track: first and last timestamp, and blocks. @type {Map<number, {first: number, last: number, count: number}>} */
    this.tracks = new Map();
    /** @type {{time: number, cluster: number}[]} */
    this.cues = [];
  }

  /** Milliseconds from the first block to the end of the last one, whose length is taken as the mean of its track's. */
  get duration() {
    const spans = [...this.tracks.values()].map(({ first, last, count }) => last + (last - first) / Math.max(1, count - 1));
    return (Math.max(0, ...spans) * this.scale) / 1e6;
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {Uint8Array<ArrayBuffer>} to append to the file
   */
  add(bytes) {
    /** @type {(Uint8Array | number[])[]} */
    const out = [];
    const emit = (/** @type {Uint8Array | number[]} */ part) => {
      out.push(part);
      this.written += part.length;
    };
    let rest = bytes;
    if (this.pending.length > 0) {
      rest = new Uint8Array(this.pending.length + bytes.length);
      rest.set(this.pending);
      rest.set(bytes, this.pending.length);
    }
    while (rest.length > 0) {
      if (this.isPlain || this.skip > 0) {
        const passed = this.isPlain ? rest.length : Math.min(this.skip, rest.length);
        emit(rest.subarray(0, passed));
        this.skip -= passed;
        rest = rest.subarray(passed);
        continue;
      }
      const used = this.#take(rest, emit);
      if (used === 0 && !this.isPlain) {
        break;
      }
      rest = rest.subarray(used);
    }
    this.pending = rest.slice();
    const whole = new Uint8Array(out.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of out) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /**
   * Takes one header, or one whole element.
   * @param {Uint8Array} rest
   * @param {(part: Uint8Array | number[]) => void} emit
   * @returns {number} bytes taken; 0 where more are needed, or where `isPlain` was set
   */
  #take(rest, emit) {
    const id = readVariable(rest, 0, true);
    const size = id && readVariable(rest, id.end, false);
    if (!id || !size) {
      return 0;
    }
    const isWhole = id.value === INFO || id.value === TRACKS || id.value === TIMESTAMP;
    if (Number.isNaN(id.value) || Number.isNaN(size.value)
      || (size.value === Infinity && id.value !== SEGMENT && id.value !== CLUSTER)
      || (id.value === SEGMENT && size.value !== Infinity)
      || (isWhole && size.value > MAX_ELEMENT_BYTES)) {
      this.isPlain = true;
      return 0;
    }
    if (isWhole) {
      const end = size.end + size.value;
      if (rest.length < end) {
        return 0;
      }
      this.#takeWhole(id.value, rest.subarray(size.end, end), rest.subarray(0, end), emit);
      return end;
    }
    if (id.value === SIMPLE_BLOCK || id.value === BLOCK) {
      if (rest.length < size.end + Math.min(BLOCK_HEADER_BYTES, size.value)) {
        return 0;
      }
      this.#noteBlock(rest.subarray(size.end, size.end + BLOCK_HEADER_BYTES), id.value === SIMPLE_BLOCK);
    }
    if (id.value === CLUSTER) {
      this.clusterAt = this.written - this.segment;
    }
    if (id.value === SEGMENT) {
      emit([...idBytes(SEGMENT), 1, 255, 255, 255, 255, 255, 255, 255]);
      this.segment = this.written;
      return size.end;
    }
    emit(rest.subarray(0, size.end));
    this.skip = id.value === CLUSTER || id.value === BLOCK_GROUP ? 0 : size.value;
    return size.end;
  }

  /**
   * @param {number} id
   * @param {Uint8Array} payload
   * @param {Uint8Array} whole
   * @param {(part: Uint8Array | number[]) => void} emit
   */
  #takeWhole(id, payload, whole, emit) {
    if (id === INFO) {
      const kept = children(payload).filter((child) => child.id !== DURATION);
      const scale = kept.find((child) => child.id === TIMESTAMP_SCALE);
      this.scale = scale ? unsigned(scale.payload) : DEFAULT_SCALE_NS;
      this.seekHeadAt = this.written;
      emit(hole());
      emit(element(INFO, [...kept.flatMap((child) => [...child.whole]), ...idBytes(DURATION), 0x88, ...float64(0)]));
      this.durationAt = this.written - 8;
      return;
    }
    if (id === TRACKS) {
      for (const entry of children(payload).filter((child) => child.id === TRACK_ENTRY)) {
        const fields = children(entry.payload);
        const value = (/** @type {number} */ name) => unsigned(fields.find((field) => field.id === name)?.payload ?? new Uint8Array());
        this.videoTrack = value(TRACK_TYPE) === VIDEO ? value(TRACK_NUMBER) : this.videoTrack;
      }
    } else {
      this.clusterTime = unsigned(payload);
    }
    emit(whole);
  }

  /**
   * @param {Uint8Array} header of a block: track, timestamp within the cluster, flags
   * @param {boolean} isSimple whether the flags tell key frames
   */
  #noteBlock(header, isSimple) {
    const track = readVariable(header, 0, false);
    if (!track || header.length < track.end + 3) {
      return;
    }
    const relative = ((header[track.end] << 24) >> 16) | header[track.end + 1]; // signed 16 bits
    const time = this.clusterTime + relative;
    const known = this.tracks.get(track.value);
    this.tracks.set(track.value, {
      first: Math.min(known?.first ?? time, time), last: Math.max(known?.last ?? time, time), count: (known?.count ?? 0) + 1,
    });
    const isKey = isSimple && (header[track.end + 2] & IS_KEY_FRAME) !== 0;
    if (isKey && track.value === this.videoTrack && this.cues.at(-1)?.cluster !== this.clusterAt) {
      this.cues.push({ time, cluster: this.clusterAt });
    }
  }

  /**
   * What completes the file.
   * @returns {{tail: Uint8Array<ArrayBuffer>, patches: {at: number, bytes: Uint8Array<ArrayBuffer>}[]}} tail: to append.
   *   patches: bytes that replace those from offset `at` on
   */
  finish() {
    if (this.isPlain || this.durationAt < 0) {
      return { tail: this.pending.slice(), patches: [] };
    }
    const cues = this.cues.flatMap(({ time, cluster }) => element(CUE_POINT, [
      ...idBytes(CUE_TIME), 0x88, ...bigEndian(time, 8),
      ...element(CUE_TRACK_POSITIONS, [
        ...idBytes(CUE_TRACK), 0x88, ...bigEndian(this.videoTrack, 8),
        ...idBytes(CUE_CLUSTER_POSITION), 0x88, ...bigEndian(cluster, 8),
      ]),
    ]));
    const tail = Uint8Array.from(cues.length > 0 ? element(CUES, cues) : []);
    const patches = [
      { at: this.segment - 8, bytes: Uint8Array.from(sizeBytes(this.written - this.segment + tail.length)) },
      { at: this.durationAt, bytes: Uint8Array.from(float64((this.duration * 1e6) / this.scale)) },
    ];
    if (tail.length > 0) {
      patches.push({ at: this.seekHeadAt, bytes: Uint8Array.from(seekHead(this.written - this.segment)) });
    }
    return { tail, patches };
  }
}
