// @ts-check
/**
 * The connection to the server: one WebSocket for signalling, which reconnects by itself, and, between `start()` and
 * `stop()`, one RTCPeerConnection. It uses no element of the page; every event goes to `emit`.
 */

import { PROTOCOL, candidateMessage, parse, serialise } from './protocol.js';

/** @typedef {import('./messages.js').ClientMessage} ClientMessage */
/** @typedef {import('./messages.js').ServerMessage} ServerMessage */

/**
 * link: the state of the WebSocket. `lost` carries the seconds until the next attempt; `refused`: there will be none.
 * media: the state of the peer connection. stream: the avatar's picture and sound. error: a message of the server that
 * breaks the protocol.
 * @typedef {{kind: 'link', link: 'connecting' | 'open' | 'refused'} | {kind: 'link', link: 'lost', retry: number}
 *   | {kind: 'message', message: ServerMessage}
 *   | {kind: 'media', media: 'connecting' | 'connected' | 'lost' | 'unreachable'}
 *   | {kind: 'stream', stream: MediaStream}
 *   | {kind: 'error', text: string}} ConnectionEvent
 */

/** @typedef {{video: MediaStreamTrack | null, audio: MediaStreamTrack | null}} Tracks */

const FIRST_RETRY_S = 0.5;
const LONGEST_RETRY_S = 15;
const DISCONNECTED_GRACE_MS = 4000; // a "disconnected" peer connection often recovers by itself within this time
const CONNECT_TIMEOUT_MS = 20000; // from the offer to "connected"
const NO_RETRY_CODES = new Set(['forbidden', 'protocol', 'taken-over']); // fatal errors that a reconnection cannot mend

/**
 * Exponential backoff with jitter: up to a quarter is taken off, so that many pages do not reconnect at the same moment.
 * @param {number} attempt 0, 1, 2 …
 * @param {number} random 0..1
 * @returns {number} seconds
 */
export function backoff(attempt, random) {
  return Math.min(FIRST_RETRY_S * 2 ** attempt, LONGEST_RETRY_S) * (1 - random / 4);
}

export class Connection {
  /**
   * @param {object} options
   * @param {string} options.url of the WebSocket
   * @param {string} [options.secret] with which the server knows this page when it comes back
   * @param {boolean} [options.watch] receive the avatar of the newest live session, and send no media
   * @param {(event: ConnectionEvent) => void} options.emit called for each event
   */
  constructor({ url, secret, watch = false, emit }) {
    this.url = url;
    this.secret = secret;
    this.watch = watch;
    this.emit = emit;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {RTCPeerConnection | null} */
    this.peer = null;
    /** Tracks to send; null between `stop()` and `start()`. @type {Tracks | null} */
    this.tracks = null;
    /** @type {RTCIceServer[]} */
    this.iceServers = [];
    this.cameraBitrate = 1_500_000; // bit/s, of the next negotiation: enough for the tracker, the only consumer of the camera
    this.ready = false; // `ready` has come on this WebSocket
    this.offersHeld = false;
    this.reconnects = false; // whether a closed WebSocket is opened again
    this.linkAttempt = 0; // failed attempts in a row, of the WebSocket
    this.mediaAttempt = 0; // and of the peer connection
    this.unansweredOffers = 0; // since the last `ready`
    /** Remote candidates that came before the answer. @type {RTCIceCandidateInit[]} */
    this.pendingCandidates = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.linkTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.mediaTimer = undefined;
  }

  /** Connects, and keeps connecting until `close()`. */
  open() {
    clearTimeout(this.linkTimer);
    this.reconnects = true;
    this.ready = false;
    this.offersHeld = false;
    this.unansweredOffers = 0;
    this.emit({ kind: 'link', link: 'connecting' });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.send({
      type: 'hello',
      protocol: PROTOCOL,
      ...(this.watch ? { watch: true } : {}),
      ...(this.secret ? { resume: this.secret } : {}),
    });
    socket.onmessage = (event) => this.handleMessage(socket, String(event.data));
    socket.onclose = () => this.#handleClose(socket);
  }

  /** Sends `bye` and closes; nothing reconnects. */
  close() {
    this.send({ type: 'bye' });
    this.leave();
  }

  /** Closes without `bye`: the server keeps the session for a while, for a page with the same secret. */
  leave() {
    this.reconnects = false;
    clearTimeout(this.linkTimer);
    this.#closePeer();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Reconnects at once instead of at the next attempt, for instance because the network is back. */
  retryNow() {
    if (this.reconnects && this.socket === null) {
      this.linkAttempt = 0;
      this.open();
    }
  }

  /**
   * Sends one message.
   * @param {ClientMessage} message
   * @returns {boolean} false where there is no open WebSocket; the message is dropped then
   */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.socket.send(serialise(message));
    return true;
  }

  /**
   * Negotiates media, and again after every loss until `stop()`. Either track may be replaced later.
   * @param {Tracks} tracks what to send
   */
  start(tracks) {
    this.tracks = tracks;
    this.mediaAttempt = 0;
    this.#offerWhenReady();
  }

  /** Sends no offer until `releaseOffers()`. */
  holdOffers() {
    this.offersHeld = true;
  }

  /** Lifts `holdOffers()`. */
  releaseOffers() {
    if (this.offersHeld) {
      this.offersHeld = false;
      this.#offerWhenReady();
    }
  }

  /** Ends the media and this session, whose place on the server is free then; a new, idle session opens at once. */
  stop() {
    this.tracks = null;
    this.close();
    this.open();
  }

  /**
   * Changes what is sent, without a negotiation.
   * @param {'video' | 'audio'} kind
   * @param {MediaStreamTrack | null} track
   */
  async replaceTrack(kind, track) {
    if (this.tracks) {
      this.tracks[kind] = track;
    }
    const transceiver = this.peer?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
    await transceiver?.sender.replaceTrack(track);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} json
   */
  handleMessage(socket, json) {
    if (socket !== this.socket) {
      return;
    }
    /** @type {ServerMessage} */
    let message;
    try {
      message = parse(json);
    } catch (error) {
      this.emit({ kind: 'error', text: error instanceof Error ? error.message : String(error) });
      return;
    }
    if (message.type === 'ready') {
      this.linkAttempt = 0;
      this.ready = true;
      this.unansweredOffers = 0; // on a cluster: the machine that had them has no session of this page any more
      this.iceServers = message.ice_servers;
      this.emit({ kind: 'link', link: 'open' });
    }
    this.emit({ kind: 'message', message });
    if (message.type === 'ready') {
      this.#offerWhenReady();
    } else if (message.type === 'answer') {
      void this.#acceptAnswer(message.sdp);
    } else if (message.type === 'candidate') {
      void this.#addCandidate(message);
    } else if (message.type === 'error') {
      this.#handleError(message);
    }
  }

  /** @param {import('./messages.js').ServerError} error */
  #handleError(error) {
    if (error.code === 'full') {
      this.tracks = null; // the server takes no media from this session, whether or not it closes the WebSocket
      this.#closePeer();
    }
    if (error.fatal) {
      this.tracks = error.code === 'closed' ? this.tracks : null; // after a restart the server takes this page again
      if (NO_RETRY_CODES.has(error.code)) {
        this.reconnects = false;
      }
    } else if (error.code === 'negotiation' || error.code === 'full') {
      this.unansweredOffers = Math.max(0, this.unansweredOffers - 1);
    }
    if (error.code === 'negotiation' || error.code === 'connection') {
      this.#retryOffer();
    }
  }

  /** @param {WebSocket} socket */
  #handleClose(socket) {
    if (socket !== this.socket) {
      return;
    }
    this.socket = null;
    this.ready = false;
    this.#closePeer();
    if (!this.reconnects) {
      this.emit({ kind: 'link', link: 'refused' });
      return;
    }
    const retry = backoff(this.linkAttempt, Math.random());
    this.linkAttempt += 1;
    this.emit({ kind: 'link', link: 'lost', retry });
    this.linkTimer = setTimeout(() => this.open(), retry * 1000);
  }

  async #offer() {
    this.#closePeer();
    const tracks = this.tracks ?? { video: null, audio: null };
    const peer = new RTCPeerConnection({ iceServers: this.iceServers });
    this.peer = peer;
    this.pendingCandidates = [];
    this.emit({ kind: 'media', media: 'connecting' });
    const direction = this.watch ? 'recvonly' : 'sendrecv';
    const video = peer.addTransceiver(tracks.video ?? 'video', {
      direction,
      ...(this.watch ? {} : { sendEncodings: [{ maxBitrate: this.cameraBitrate }] }),
    });
    // The audio m-line is there from the start, so that the microphone can be switched on without a negotiation.
    const audio = peer.addTransceiver(tracks.audio ?? 'audio', { direction });
    for (const { receiver } of [video, audio]) {
      if ('jitterBufferTarget' in receiver) {
        receiver.jitterBufferTarget = 0; // milliseconds: show each frame as soon as it is decoded
      }
    }
    const stream = new MediaStream([video.receiver.track, audio.receiver.track]);
    video.receiver.track.onunmute = () => peer === this.peer && this.emit({ kind: 'stream', stream });
    /** Local candidates that come before the offer is sent; null afterwards. @type {(RTCIceCandidate | null)[] | null} */
    let beforeOffer = [];
    peer.onicecandidate = ({ candidate }) => {
      if (beforeOffer) {
        beforeOffer.push(candidate);
      } else if (peer === this.peer) {
        this.send(candidateMessage(candidate));
      }
    };
    peer.onconnectionstatechange = () => peer === this.peer && this.#handlePeerState(peer);
    await peer.setLocalDescription();
    if (peer !== this.peer || !peer.localDescription) {
      return;
    }
    this.unansweredOffers += 1;
    this.send({ type: 'offer', sdp: peer.localDescription.sdp });
    beforeOffer.forEach((candidate) => this.send(candidateMessage(candidate)));
    beforeOffer = null;
    clearTimeout(this.mediaTimer);
    this.mediaTimer = setTimeout(() => {
      this.emit({ kind: 'media', media: 'unreachable' });
      this.#retryOffer();
    }, CONNECT_TIMEOUT_MS);
  }

  /** @param {string} sdp */
  async #acceptAnswer(sdp) {
    this.unansweredOffers = Math.max(0, this.unansweredOffers - 1);
    const { peer } = this;
    if (!peer || this.unansweredOffers > 0) {
      return; // this answers an offer that a later one has replaced
    }
    try {
      await peer.setRemoteDescription({ type: 'answer', sdp });
    } catch {
      if (peer === this.peer) {
        this.#retryOffer();
      }
      return;
    }
    const { pendingCandidates } = this;
    this.pendingCandidates = [];
    await Promise.all(pendingCandidates.map((candidate) => peer.addIceCandidate(candidate).catch(() => undefined)));
  }

  /** @param {import('./messages.js').CandidateMessage} message */
  async #addCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    const { peer } = this;
    if (!peer || candidate === null) {
      return;
    }
    const init = { candidate, sdpMid, sdpMLineIndex, usernameFragment };
    if (!peer.remoteDescription) {
      this.pendingCandidates.push(init);
      return;
    }
    await peer.addIceCandidate(init).catch(() => undefined); // the other candidates may still connect
  }

  /** @param {RTCPeerConnection} peer */
  #handlePeerState(peer) {
    if (peer.connectionState === 'connected') {
      clearTimeout(this.mediaTimer);
      this.mediaAttempt = 0;
      this.emit({ kind: 'media', media: 'connected' });
    } else if (peer.connectionState === 'disconnected') {
      clearTimeout(this.mediaTimer);
      this.emit({ kind: 'media', media: 'lost' });
      this.mediaTimer = setTimeout(() => this.#retryOffer(), DISCONNECTED_GRACE_MS);
    } else if (peer.connectionState === 'failed') {
      this.emit({ kind: 'media', media: 'lost' });
      this.#retryOffer();
    }
  }

  #retryOffer() {
    clearTimeout(this.mediaTimer);
    const delay = backoff(this.mediaAttempt, Math.random());
    this.mediaAttempt += 1;
    this.mediaTimer = setTimeout(() => this.#offerWhenReady(), delay * 1000);
  }

  #offerWhenReady() {
    if (this.ready && this.tracks && !this.offersHeld) {
      void this.#offer();
    }
  }

  #closePeer() {
    clearTimeout(this.mediaTimer);
    this.peer?.close();
    this.peer = null;
  }
}
