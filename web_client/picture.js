// @ts-check
/** The reference picture: chosen, dropped or pasted, checked here first, sent to the server, and sent again to a new session. */

import { ShownPicture } from './picture_shown.js';
import { PictureError, changeToStart, sendPoints, upload, validate } from './upload.js';
import { CharacterViews } from './views.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {import('./messages.js').PictureStatus} PictureStatus */
/** @typedef {import('./messages.js').Ready} Ready */
/** @typedef {import('./store.js').Store} Store */

/**
 * What the avatar can be made from.
 * @typedef {object} Character
 * @property {string | null} key on the shelf; null: not on the shelf yet
 * @property {string} name
 * @property {File | null} file null: the picture that the server was started with
 * @property {Record<string, string>} options what else the server is told of it, as parameters of the upload; `points` is the JSON of hand-placed points, which goes to the server before the picture
 * @property {File[]} views further pictures of the character
 * @property {string} thumbnail address of a small picture; '' without
 */

export const START = 'start'; // key of the picture that the server was started with
const DEFAULT_MAX_MEGABYTES = 20; // until /api/config has answered

/** The reference picture of this page's sessions, of which `state.picture` is the visible part. */
export class ReferencePicture {
  /**
   * @param {Store} store
   * @param {Connection} connection
   */
  constructor(store, connection) {
    this.store = store;
    this.connection = connection;
    this.maxMegabytes = DEFAULT_MAX_MEGABYTES;
    /** Name of the server's present session; uploads go to it. */
    this.session = '';
    /** Number of pictures chosen so far, so that one which had to be fetched first gives way to a later choice. */
    this.choices = 0;
    /** The character in use, to be sent again to a new session; null: the server's own. @type {Character | null} */
    this.worn = null;
    /** Sent, and not ready yet. @type {Character | null} */
    this.coming = null;
    /** Chosen while there was no connection, or while another picture was prepared. @type {Character | null} */
    this.queued = null;
    /** The last picture without a face, or whose points did not fit, until another one. @type {Character | null} */
    this.refused = null;
    /** Points of the picture in use that are being prepared. @type {{name: string, points: string} | null} */
    this.placing = null;
    /** Points of the picture that the server was started with; '' without. */
    this.startPoints = '';
    /** Files that the present session has prepared. @type {WeakSet<File>} */
    this.known = new WeakSet();
    /** Whether the session began before this page was loaded, so that it may know any file. */
    this.isResumed = false;
    this.shown = new ShownPicture(store, this);
    this.views = new CharacterViews(store, this);
    /** Called with each character that came into use. @type {(character: Character) => void} */
    this.onWorn = () => undefined;
    /** Called where points of a picture may help. @type {(which: 'used' | 'refused') => void} */
    this.onPointsWanted = () => undefined;
    /** Called when nothing is being prepared any more. */
    this.onFree = () => undefined;
    /** Called with the options of the character in use after they were changed. @type {(options: Character['options']) => void} */
    this.onOptions = () => undefined;
    /** Called with all views after one was added or taken away here. @type {(views: File[]) => void} */
    this.onViews = () => undefined;
  }

  /** Name of the picture or view that is being prepared; null without. */
  get pendingName() {
    return this.coming?.name ?? this.placing?.name ?? this.views.pendingName;
  }

  /**
   * Switches the avatar to this picture; a notice says why where it cannot be used.
   * @param {File | null} file null: nothing was chosen
   */
  usePicture(file) {
    if (file) {
      this.wear({ key: null, name: file.name, file, options: {}, views: [], thumbnail: '' });
    }
  }

  /**
   * Switches the avatar to this character. While another picture is prepared it waits; the one chosen last wins.
   * @param {Character} character
   */
  wear(character) {
    this.choices += 1;
    this.store.dismiss('picture');
    this.store.dismiss('busy');
    try {
      if (character.file) {
        validate(character.file, this.maxMegabytes);
      }
    } catch (error) {
      this.notify(error);
      return;
    }
    this.queued = character;
    this.shown.showPending(character);
    this.sendQueued();
  }

  /** Sends what is queued, unless another picture is being prepared; without that, the next view of the present one. */
  sendQueued() {
    if (!this.connection.ready || this.pendingName !== null) {
      return;
    }
    const { queued } = this;
    this.queued = null;
    if (queued) {
      this.views.queue(queued.views);
      void this.#send(queued);
    } else {
      this.views.addQueued();
    }
  }

  /** @param {Character} character */
  async #send(character) {
    const { session } = this;
    this.coming = character;
    const { file, name, options: { points, ...options } } = character;
    this.refused = null;
    try {
      if (file) {
        if (points) {
          await sendPoints(session, 'next', points, name);
        }
        await upload('api/picture', session, file, { ...options, name }, this.isResumed || this.known.has(file));
      } else {
        await changeToStart(session, name);
      }
    } catch (error) {
      if (session === this.session && this.coming === character) { // else it is queued, or sent to another session
        this.#fail(error);
      }
    }
  }

  /**
   * Prepares the picture in use, or the last one without a face, with hand-placed points.
   * @param {'used' | 'refused'} which
   * @param {string} points JSON as in docs/points.md; `{}` takes them away
   * @throws {PictureError}
   */
  async placePoints(which, points) {
    const busy = this.pendingName;
    const { name } = (which === 'refused' ? this.refused : null) ?? this.store.state.picture;
    if (busy !== null) {
      throw new PictureError(`${busy} is being prepared: wait a moment, then use the points.`, 'busy');
    }
    const { refused } = this;
    if (which === 'refused' && refused) {
      this.coming = { ...refused, options: { ...refused.options, points } };
      this.shown.showPending(this.coming);
    } else {
      this.placing = { name, points };
    }
    const { coming, placing } = this;
    try {
      await sendPoints(this.session, which, points, name);
    } catch (error) {
      if (this.coming === coming && this.placing === placing) { // else the connection was lost meanwhile
        this.coming = null;
        this.placing = null;
        this.shown.clearPending();
      }
      throw error;
    }
  }

  /** @param {string} points that the picture in use has now */
  #handlePlaced(points) {
    this.placing = null;
    if (this.worn) {
      const { points: _, ...options } = this.worn.options;
      this.worn.options = points === '{}' ? options : { ...options, points };
      this.onOptions(this.worn.options);
    } else {
      this.startPoints = points === '{}' ? '' : points;
    }
  }

  /** @param {unknown} error why something cannot be used: an error, or a sentence */
  notify(error) {
    const about = error instanceof PictureError ? error.about : 'picture';
    this.store.notify({ kind: 'error', about, text: error instanceof Error ? error.message : String(error) });
  }

  /** @param {unknown} error why the picture that was sent cannot be used */
  #fail(error) {
    this.coming = null;
    this.placing = null;
    this.views.forget();
    if (!this.queued) {
      this.shown.clearPending();
    }
    this.notify(error);
    this.connection.releaseOffers();
    this.sendQueued();
  }

  /**
   * A new session uses the server's own picture: this page's picture, if there is one, is sent before the offer.
   * @param {Ready} ready
   * @param {string | null} wornKey key on the shelf of what was in use when this page was loaded
   */
  handleReady({ session, video, picture, resumed }, wornKey) {
    const { width, height } = video;
    if (this.pendingName !== null || this.store.state.reframing) { // on a cluster: the machine that prepared it is another now
      this.handleConnectionLost();
    }
    if (resumed && session === this.session) { // this page lost its connection for a short time
      this.store.set({ size: { width, height } });
      this.sendQueued();
      return;
    }
    this.session = session;
    this.known = new WeakSet();
    this.isResumed = resumed;
    this.coming = null;
    const { queued, worn } = this;
    const next = queued ?? worn;
    this.queued = null;
    this.views.handleReady(picture.views);
    if (next?.file) {
      this.connection.holdOffers();
      if (next === queued) {
        this.views.queue(next.views);
      } else {
        this.shown.showPending(next);
      }
      void this.#send(next);
    } else {
      const { name, notes, people, person, heads, chosen } = picture;
      this.worn = null;
      this.shown.clearPending();
      if (resumed) {
        this.shown.showUsed();
      } else {
        this.shown.showDefault();
      }
      if (this.startPoints) {
        void this.placePoints('used', this.startPoints).catch((error) => this.notify(error));
      }
      this.store.set({ size: { width, height }, picture: { ...this.store.state.picture, key: resumed ? wornKey : START, name, notes, people, person, heads, chosen } });
      this.views.addQueued();
    }
  }

  /** Nothing is being prepared any more: what said so goes. */
  #endBusy() {
    this.store.dismiss('busy');
    this.onFree();
  }

  /** An upload ends with its connection, or with the machine that had it: its picture is sent again to the next. */
  handleConnectionLost() {
    this.#endBusy();
    this.queued ??= this.coming && { ...this.coming }; // a copy: an answer to the former upload is not for this one
    this.coming = null;
    this.placing = null;
    this.refused = null;
    this.store.set({ reframing: false });
    if (!this.queued) {
      this.shown.clearPending();
    }
    this.views.cancel();
  }

  /** @param {PictureStatus} status */
  handleStatus(status) {
    const { width, height } = status;
    const { pendingName } = this.views;
    if (status.stage === 'ready' || status.stage === 'failed') {
      this.#endBusy();
    }
    if (status.by_program) {
      this.#handleByProgram(status);
    } else if (status.stage === 'framing' || status.stage === 'framed') {
      this.store.set({ reframing: status.stage === 'framing', ...(width && height ? { size: { width, height } } : {}) });
    } else if (status.stage === 'failed' && pendingName !== null) {
      this.views.handleEnd(status.message ?? `${pendingName} could not be used: choose another picture.`);
      this.sendQueued();
    } else if (status.stage === 'failed' && (status.code === 'no-face' || status.code === 'points') && this.coming) {
      this.#refuse(this.coming, status);
    } else if (status.stage === 'failed') {
      this.#fail(status.message ?? `${status.name} could not be used: choose another picture.`);
    } else if (status.stage === 'ready') {
      const { notes, people, person, heads, chosen } = status;
      this.store.set({
        picture: { ...this.store.state.picture, notes, people, person, heads, chosen },
        ...(width && height ? { size: { width, height } } : {}),
      });
      const { coming } = this;
      if (pendingName !== null) {
        this.views.handleEnd(null);
      } else if (this.placing) {
        this.#handlePlaced(this.placing.points);
      } else if (coming) {
        this.#handleWorn(coming, status);
      }
      this.connection.releaseOffers();
      this.sendQueued();
    }
  }

  /**
   * Another program chooses the picture of this session: this page has no file of it.
   * @param {PictureStatus} status
   */
  #handleByProgram({ stage, name, message, width, height, views, notes, people, person, heads, chosen }) {
    if (stage === 'failed') {
      this.notify(message ?? `${name} could not be used: choose another picture.`);
    } else if (stage === 'ready') {
      this.worn = { key: null, name, file: null, options: {}, views: [], thumbnail: '' };
      this.store.set({
        picture: { ...this.store.state.picture, key: null, name, notes, people, person, heads, chosen },
        ...(width && height ? { size: { width, height } } : {}),
      });
      this.shown.renew();
      this.shown.showUsed();
      this.views.handlePicture(views);
      this.onWorn(this.worn);
    }
    if (stage !== 'preparing') {
      this.sendQueued();
    }
  }

  /**
   * A picture can be used once its points are placed.
   * @param {Character} character
   * @param {PictureStatus} status
   */
  #refuse(character, { code, message }) {
    const text = code === 'no-face' || message === null
      ? `No face was found in ${character.name}: place its points, or use another picture.` : message;
    this.#fail(text);
    this.refused = character;
    this.store.notify({
      kind: 'error', about: 'picture', text, action: { label: 'Place points', run: () => this.onPointsWanted('refused') },
    });
  }

  /**
   * @param {Character} character
   * @param {PictureStatus} status
   */
  #handleWorn(character, status) {
    this.coming = null;
    this.worn = character.file ? character : null;
    if (character.file) {
      this.known.add(character.file);
    }
    this.store.merge('picture', { key: character.key, name: status.name });
    this.shown.renew();
    this.shown.showUsed();
    if (!this.queued) {
      this.shown.clearPending();
    }
    this.views.handlePicture(status.views);
    this.onWorn(character);
  }

  /**
   * The key of a character that has come onto the shelf.
   * @param {Character} character
   * @param {string | null} key
   */
  setKey(character, key) {
    character.key = key;
    if (this.worn === character) {
      this.store.merge('picture', { key });
    }
  }
}
