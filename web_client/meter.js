// @ts-check
/**
 * What can be known here about speed: frames shown, and where the time goes from the camera to this screen.
 *
 * The page cannot see one frame on its whole way, so glass-to-glass is a sum of parts, each measured where it happens:
 *   camera   this browser's encoder, and its wait for the network          (RTCPeerConnection.getStats)
 *   network  one round trip: half up, half down                            (getStats)
 *   server   arrival of the camera frame to departure of the avatar frame  (the server's clock, median)
 *   play     arrival of the avatar frame to its place on the screen        (requestVideoFrameCallback)
 * Outside are the camera's own exposure and the screen's own delay, some 20 to 50 ms that no page can see.
 */

/** @typedef {{camera: number, network: number, server: number, play: number}} Parts milliseconds */
/** What this browser has sent since it began: seconds and counts. @typedef {{encode: number, encoded: number, queue: number, packets: number}} Sent */
/** @typedef {{fps: number, parts: Parts | null, total: number | null}} Reading */

const WINDOW = 60; // readings kept for the sparkline: one a second

/** @param {number[]} values not empty */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/**
 * Points of an SVG polyline over `values`, oldest left, newest at the right edge.
 * @param {number[]} values
 * @param {number} width
 * @param {number} height
 * @param {number} top the value at the upper edge
 */
export function sparkline(values, width, height, top) {
  const step = width / (WINDOW - 1);
  const first = width - step * (values.length - 1);
  return values
    .map((value, index) => `${(first + index * step).toFixed(1)},${(height * (1 - Math.min(1, value / top))).toFixed(1)}`)
    .join(' ');
}

export class Meter {
  constructor() {
    /** One a second, newest last. @type {number[]} */
    this.fps = [];
    this.frames = 0;
    /** @type {number[]} */
    this.waits = [];
    /** @type {Sent | null} */
    this.before = null;
    this.since = performance.now();
  }

  /** Forgets everything: a new connection. */
  reset() {
    Object.assign(this, new Meter());
  }

  /**
   * One avatar frame was shown.
   * @param {VideoFrameCallbackMetadata} frame
   */
  shown(frame) {
    this.frames += 1;
    if (frame.receiveTime !== undefined) {
      this.waits.push(Math.max(0, frame.expectedDisplayTime - frame.receiveTime));
    }
  }

  /**
   * The last second. Call about once a second.
   * @param {RTCPeerConnection | null} peer
   * @param {number | null} server median milliseconds within the server
   * @returns {Promise<Reading>}
   */
  async read(peer, server) {
    const now = performance.now();
    const fps = (this.frames * 1000) / Math.max(1, now - this.since);
    const waits = this.waits;
    this.frames = 0;
    this.waits = [];
    this.since = now;
    this.fps = [...this.fps, fps].slice(-WINDOW);
    const parts = peer && (await this.#parts(peer, server, waits));
    return { fps, parts, total: parts && parts.camera + parts.network + parts.server + parts.play };
  }

  /**
   * @param {RTCPeerConnection} peer
   * @param {number | null} server
   * @param {number[]} waits
   * @returns {Promise<Parts | null>} null until every part has been measured
   */
  async #parts(peer, server, waits) {
    /** @type {{network?: number, sent?: Sent}} */
    const seen = {};
    (await peer.getStats()).forEach((entry) => {
      if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined) {
        seen.network = entry.currentRoundTripTime * 1000;
      } else if (entry.type === 'outbound-rtp' && entry.kind === 'video') {
        seen.sent = {
          encode: entry.totalEncodeTime ?? 0,
          encoded: entry.framesEncoded ?? 0,
          queue: entry.totalPacketSendDelay ?? 0,
          packets: entry.packetsSent ?? 0,
        };
      }
    });
    const { before } = this;
    const { network, sent } = seen;
    this.before = sent ?? null;
    if (network === undefined || server === null || waits.length === 0 || !sent || !before) {
      return null;
    }
    const perFrame = (sent.encode - before.encode) / Math.max(1, sent.encoded - before.encoded);
    const perPacket = (sent.queue - before.queue) / Math.max(1, sent.packets - before.packets);
    return { camera: (perFrame + perPacket) * 1000, network, server, play: median(waits) };
  }
}
