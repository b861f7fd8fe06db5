// @ts-check
/**
 * Measures the frames shown per second and the latency from camera to screen (glass to glass).
 *
 * A page cannot follow one frame from the camera to the screen, so the latency is a sum of parts, each measured where it arises:
 *   camera   this browser's encoder, and its send queue                    (RTCPeerConnection.getStats)
 *   network  one round trip: half up, half down                            (getStats)
 *   server   arrival of the camera frame to departure of the avatar frame  (the server's clock, median)
 *   play     arrival of the avatar frame to its display                    (requestVideoFrameCallback)
 * Not included: the camera's exposure and the screen's delay, some 20 to 50 ms that no page can measure.
 */

/** @typedef {{camera: number, network: number, server: number, play: number}} LatencyParts milliseconds */

/**
 * Totals of the outbound video stream.
 * @typedef {object} SentTotals
 * @property {number} encode seconds in the encoder
 * @property {number} encoded frames
 * @property {number} queue seconds of all packets in the send queue
 * @property {number} packets
 */

/**
 * @typedef {object} Reading
 * @property {number} fps avatar frames shown per second
 * @property {LatencyParts | null} parts null until every part has been measured
 * @property {number | null} total milliseconds, the sum of the parts
 */

export const HISTORY_S = 60; // readings that are kept, one a second

/** @param {number[]} values not empty */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

export class Meter {
  constructor() {
    /** Frames shown per second, one value a second, newest last. @type {number[]} */
    this.fps = [];
    this.frames = 0; // shown since the last reading
    /** Milliseconds from the arrival to the display of each frame since the last reading. @type {number[]} */
    this.playDelays = [];
    /** @type {SentTotals | null} */
    this.lastSent = null;
    this.since = performance.now();
  }

  /** Drops all measurements, for a new connection. */
  reset() {
    Object.assign(this, new Meter());
  }

  /**
   * Counts one avatar frame that was shown.
   * @param {VideoFrameCallbackMetadata} frame
   */
  countFrame(frame) {
    this.frames += 1;
    if (frame.receiveTime !== undefined) {
      this.playDelays.push(Math.max(0, frame.expectedDisplayTime - frame.receiveTime));
    }
  }

  /**
   * The measurements since the last call. Call about once a second.
   * @param {RTCPeerConnection | null} peer
   * @param {number | null} server median latency within the server, milliseconds
   * @returns {Promise<Reading>}
   */
  async read(peer, server) {
    const now = performance.now();
    const fps = (this.frames * 1000) / Math.max(1, now - this.since);
    const { playDelays } = this;
    this.frames = 0;
    this.playDelays = [];
    this.since = now;
    this.fps = [...this.fps, fps].slice(-HISTORY_S);
    const parts = peer && (await this.#latencyParts(peer, server, playDelays));
    return { fps, parts, total: parts && parts.camera + parts.network + parts.server + parts.play };
  }

  /**
   * @param {RTCPeerConnection} peer
   * @param {number | null} server
   * @param {number[]} playDelays
   * @returns {Promise<LatencyParts | null>} null until every part has been measured
   */
  async #latencyParts(peer, server, playDelays) {
    /** @type {{network?: number, sent?: SentTotals}} */
    const measured = {};
    (await peer.getStats()).forEach((entry) => {
      if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined) {
        measured.network = entry.currentRoundTripTime * 1000;
      } else if (entry.type === 'outbound-rtp' && entry.kind === 'video') {
        measured.sent = {
          encode: entry.totalEncodeTime ?? 0,
          encoded: entry.framesEncoded ?? 0,
          queue: entry.totalPacketSendDelay ?? 0,
          packets: entry.packetsSent ?? 0,
        };
      }
    });
    const { lastSent } = this;
    const { network, sent } = measured;
    this.lastSent = sent ?? null;
    if (network === undefined || server === null || playDelays.length === 0 || !sent || !lastSent) {
      return null;
    }
    const perFrame = (sent.encode - lastSent.encode) / Math.max(1, sent.encoded - lastSent.encoded);
    const perPacket = (sent.queue - lastSent.queue) / Math.max(1, sent.packets - lastSent.packets);
    return { camera: (perFrame + perPacket) * 1000, network, server, play: median(playDelays) };
  }
}
