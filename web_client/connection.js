// @ts-check
/**
 * The talk with the server: one WebSocket that heals itself and, once asked for, one media connection on it.
 * Knows no page and no elements: everything that happens is told through `tell`.
 */

import { PROTOCOL, candidateMessage, parse, serialise } from './protocol.js';

/** @typedef {import('./protocol.js').ClientMessage} ClientMessage */
/** @typedef {import('./protocol.js').ServerMessage} ServerMessage */

/**
 * What happens on the connection.
 * link: the WebSocket. `lost` gives the seconds until the next attempt; `refused` means that there will be none.
 * media: the peer connection. `stream` is the avatar's.
 * @typedef {{kind: 'link', link: 'connecting' | 'open' | 'refused'} | {kind: 'link', link: 'lost', retry: number}
 *   | {kind: 'message', message: ServerMessage}
 *   | {kind: 'media', media: 'connecting' | 'connected' | 'lost' | 'unreachable'}
 *   | {kind: 'stream', stream: MediaStream}
 *   | {kind: 'trouble', text: string}} Happening
 */

const FIRST_RETRY_S = 0.5;
const LONGEST_RETRY_S = 15;
const PATIENCE_MS = 4000; // how long a "disconnected" media connection may heal by itself
const CONNECT_MS = 20000;
const CAMERA_BITRATE = 1_500_000; // bit/s: the camera picture is only looked at by the tracker
const FATAL_FOR_GOOD = new Set(['forbidden', 'protocol']);

/**
 * Seconds to wait before attempt number `attempt` (0, 1, 2, ...): doubling, with up to a quarter off so that many pages
 * do not come back at the same moment.
 * @param {number} attempt
 * @param {number} random 0..1
 */
export function backoff(attempt, random) {
  return Math.min(FIRST_RETRY_S * 2 ** attempt, LONGEST_RETRY_S) * (1 - random / 4);
}

export class Connection {
  /**
   * @param {{url: string, watch?: boolean, tell: (happening: Happening) => void}} options
   *   watch: only receive the avatar of whoever is live, send nothing.
   */
  constructor({ url, watch = false, tell }) {
    this.url = url;
    this.watch = watch;
    this.tell = tell;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {RTCPeerConnection | null} */
    this.peer = null;
    /** @type {{video: MediaStreamTrack | null, audio: MediaStreamTrack | null} | null} null: no media wanted */
    this.wanted = null;
    /** @type {RTCIceServer[]} */
    this.iceServers = [];
    this.ready = false; // the server has said so on this socket
    this.held = false;
    this.wantsLink = false;
    this.attempt = 0;
    this.mediaAttempt = 0;
    this.offers = 0; // offers on this socket that have had no word back
    /** @type {RTCIceCandidateInit[]} */
    this.early = []; // candidates that came before the answer
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.socketTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.mediaTimer = undefined;
  }

  /** Connects, and keeps connecting until `close()`. */
  open() {
    clearTimeout(this.socketTimer);
    this.wantsLink = true;
    this.ready = false;
    this.held = false;
    this.offers = 0;
    this.tell({ kind: 'link', link: 'connecting' });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.say({ type: 'hello', protocol: PROTOCOL, ...(this.watch ? { watch: true } : {}) });
    socket.onmessage = (event) => this.hear(socket, String(event.data));
    socket.onclose = () => this.#lost(socket);
  }

  /** Leaves politely and stays away. */
  close() {
    this.wantsLink = false;
    clearTimeout(this.socketTimer);
    this.say({ type: 'bye' });
    this.#dropPeer();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Tries again at once, if it waits for the next attempt: the network is said to be back. */
  hurry() {
    if (this.wantsLink && this.socket === null) {
      this.attempt = 0;
      this.open();
    }
  }

  /**
   * Sends one message.
   * @param {ClientMessage} message
   * @returns {boolean} whether there was somebody to send it to.
   */
  say(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.socket.send(serialise(message));
    return true;
  }

  /**
   * Asks for the avatar's video; kept up over every loss until `stop()`. Either track may come or go later.
   * @param {{video: MediaStreamTrack | null, audio: MediaStreamTrack | null}} tracks what to send
   */
  start(tracks) {
    this.wanted = tracks;
    this.mediaAttempt = 0;
    this.#offerWhenReady();
  }

  /** Sends no offer until `release()`, whatever happens. */
  hold() {
    this.held = true;
  }

  release() {
    if (this.held) {
      this.held = false;
      this.#offerWhenReady();
    }
  }

  /** Ends the media and gives the place on the server back; a new, idle session opens at once. */
  stop() {
    this.wanted = null;
    this.close();
    this.open();
  }

  /**
   * Changes what is sent, without a new negotiation.
   * @param {'video' | 'audio'} kind
   * @param {MediaStreamTrack | null} track
   */
  async replace(kind, track) {
    if (this.wanted) {
      this.wanted[kind] = track;
    }
    const transceiver = this.peer?.getTransceivers().find((each) => each.receiver.track.kind === kind);
    await transceiver?.sender.replaceTrack(track);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} json
   */
  hear(socket, json) {
    if (socket !== this.socket) {
      return;
    }
    /** @type {ServerMessage} */
    let message;
    try {
      message = parse(json);
    } catch (error) {
      this.tell({ kind: 'trouble', text: /** @type {Error} */ (error).message });
      return;
    }
    if (message.type === 'ready') {
      this.attempt = 0;
      this.ready = true;
      this.iceServers = message.ice_servers;
      this.tell({ kind: 'link', link: 'open' });
    }
    this.tell({ kind: 'message', message });
    if (message.type === 'ready') {
      this.#offerWhenReady();
    } else if (message.type === 'answer') {
      void this.#accept(message.sdp);
    } else if (message.type === 'candidate') {
      void this.#addCandidate(message);
    } else if (message.type === 'error') {
      this.#onError(message);
    }
  }

  /** @param {import('./protocol.js').ServerError} error */
  #onError(error) {
    if (error.code === 'full') {
      this.wanted = null; // whether or not the server stays on the line, it takes no media from us now
      this.#dropPeer();
    }
    if (error.fatal) {
      this.wanted = error.code === 'closed' ? this.wanted : null; // a server that restarts will have us back
      if (FATAL_FOR_GOOD.has(error.code)) {
        this.wantsLink = false;
      }
    } else if (error.code === 'negotiation' || error.code === 'full') {
      this.offers = Math.max(0, this.offers - 1);
    }
    if (error.code === 'negotiation' || error.code === 'connection') {
      this.#offerAgain();
    }
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (socket !== this.socket) {
      return;
    }
    this.socket = null;
    this.ready = false;
    this.#dropPeer();
    if (!this.wantsLink) {
      this.tell({ kind: 'link', link: 'refused' });
      return;
    }
    const retry = backoff(this.attempt, Math.random());
    this.attempt += 1;
    this.tell({ kind: 'link', link: 'lost', retry });
    this.socketTimer = setTimeout(() => this.open(), retry * 1000);
  }

  async #offer() {
    this.#dropPeer();
    const wanted = this.wanted ?? { video: null, audio: null };
    const peer = new RTCPeerConnection({ iceServers: this.iceServers });
    this.peer = peer;
    this.early = [];
    this.tell({ kind: 'media', media: 'connecting' });
    const direction = this.watch ? 'recvonly' : 'sendrecv';
    const video = peer.addTransceiver(wanted.video ?? 'video', {
      direction,
      ...(this.watch ? {} : { sendEncodings: [{ maxBitrate: CAMERA_BITRATE }] }),
    });
    // The microphone's line is there from the start, so that it can be switched on without negotiating anew.
    const audio = peer.addTransceiver(wanted.audio ?? 'audio', { direction });
    for (const { receiver } of [video, audio]) {
      if ('jitterBufferTarget' in receiver) {
        receiver.jitterBufferTarget = 0; // show each frame as soon as it is there
      }
    }
    const stream = new MediaStream([video.receiver.track, audio.receiver.track]);
    video.receiver.track.onunmute = () => peer === this.peer && this.tell({ kind: 'stream', stream });
    /** @type {(RTCIceCandidate | null)[] | null} */
    let held = [];
    peer.onicecandidate = ({ candidate }) => {
      if (held) {
        held.push(candidate);
      } else if (peer === this.peer) {
        this.say(candidateMessage(candidate));
      }
    };
    peer.onconnectionstatechange = () => peer === this.peer && this.#onPeerState(peer);
    await peer.setLocalDescription();
    if (peer !== this.peer || !peer.localDescription) {
      return;
    }
    this.offers += 1;
    this.say({ type: 'offer', sdp: peer.localDescription.sdp });
    held.forEach((candidate) => this.say(candidateMessage(candidate)));
    held = null;
    this.mediaTimer = setTimeout(() => {
      this.tell({ kind: 'media', media: 'unreachable' });
      this.#offerAgain();
    }, CONNECT_MS);
  }

  /** @param {string} sdp */
  async #accept(sdp) {
    this.offers = Math.max(0, this.offers - 1);
    const { peer } = this;
    if (!peer || this.offers > 0) {
      return; // the answer to an offer that a later one has replaced
    }
    try {
      await peer.setRemoteDescription({ type: 'answer', sdp });
    } catch {
      this.#offerAgain();
      return;
    }
    const { early } = this;
    this.early = [];
    await Promise.all(early.map((candidate) => peer.addIceCandidate(candidate).catch(() => undefined)));
  }

  /** @param {import('./protocol.js').CandidateMessage} message */
  async #addCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    const { peer } = this;
    if (!peer || candidate === null) {
      return;
    }
    const init = { candidate, sdpMid, sdpMLineIndex, usernameFragment };
    if (!peer.remoteDescription) {
      this.early.push(init);
      return;
    }
    await peer.addIceCandidate(init).catch(() => undefined); // one bad candidate among many does no harm
  }

  /** @param {RTCPeerConnection} peer */
  #onPeerState(peer) {
    if (peer.connectionState === 'connected') {
      clearTimeout(this.mediaTimer);
      this.mediaAttempt = 0;
      this.tell({ kind: 'media', media: 'connected' });
    } else if (peer.connectionState === 'disconnected') {
      clearTimeout(this.mediaTimer);
      this.tell({ kind: 'media', media: 'lost' });
      this.mediaTimer = setTimeout(() => this.#offerAgain(), PATIENCE_MS);
    } else if (peer.connectionState === 'failed') {
      this.tell({ kind: 'media', media: 'lost' });
      this.#offerAgain();
    }
  }

  #offerAgain() {
    clearTimeout(this.mediaTimer);
    const wait = backoff(this.mediaAttempt, Math.random());
    this.mediaAttempt += 1;
    this.mediaTimer = setTimeout(() => this.#offerWhenReady(), wait * 1000);
  }

  #offerWhenReady() {
    if (this.ready && this.wanted && !this.held) {
      void this.#offer();
    }
  }

  #dropPeer() {
    clearTimeout(this.mediaTimer);
    this.peer?.close();
    this.peer = null;
  }
}
