// @ts-check
/** The points editor: a dialog with the picture, its handles and a preview (docs/points.md). */

import { button, element, html, image, input, setText } from './dom.js';
import { GROUPS, PointSet, PointsFileError, groupOf, labelOf, parsePoints } from './editor_points.js';
import { EditorPreview } from './editor_preview.js';
import { EditorStage } from './editor_stage.js';
import { address } from './server.js';
import { PictureError } from './upload.js';

/** @typedef {import('./editor_points.js').Group} Group */
/** @typedef {import('./editor_points.js').Told} Told */
/** @typedef {import('./picture.js').Character} Character */
/** @typedef {import('./picture.js').ReferencePicture} ReferencePicture */
/** @typedef {import('./store.js').Store} Store */

const MAX_FILE_BYTES = 65536;
const BUTTON_ZOOM = 1.4;

export class PointsEditor {
  /**
   * @param {Store} store
   * @param {ReferencePicture} picture
   */
  constructor(store, picture) {
    this.store = store;
    this.picture = picture;
    this.dialog = element('editor', HTMLDialogElement);
    /** @type {PointSet | null} */
    this.points = null;
    /** @type {'used' | 'refused'} */
    this.which = 'used';
    this.name = '';
    /** The character whose points are placed, where it is the one in use. @type {Character | null} */
    this.character = null;
    /** What is said of the last action; '' without. */
    this.answer = '';
    /** Whether that is that another picture is being prepared. */
    this.saysBusy = false;
    this.previewFailure = ''; // a sentence, '' without
    /** Number of openings that were asked for, of which only the last one opens. */
    this.openings = 0;
    picture.onFree = () => {
      if (this.saysBusy) {
        this.#say('');
      }
    };
    this.stage = new EditorStage(element('editor-stage', SVGSVGElement), {
      onChange: () => this.#changed(),
      onSelect: (name) => this.#showSelected(name),
    });
    this.preview = new EditorPreview({
      image: image('editor-film'),
      onState: ({ busy, failure }) => {
        html('editor-preview').toggleAttribute('data-busy', busy);
        this.previewFailure = failure;
        this.#showMessage();
      },
    });
    this.#bind();
  }

  /**
   * Opens the editor for a picture; a notice says why where it cannot.
   * @param {'used' | 'refused'} which see `api/points`
   */
  async open(which) {
    this.store.dismiss('picture');
    this.openings += 1;
    const opening = this.openings;
    const character = this.picture.worn;
    try {
      const answers = await Promise.all([this.#fetch('api/points', which), this.#fetch('api/points/picture', which)]);
      const [told, picture] = await Promise.all([answers[0].json(), answers[1].blob()]);
      if (opening !== this.openings || this.dialog.open) {
        return;
      }
      if (which === 'used' && character !== this.picture.worn) {
        void this.open(which); // another picture came into use meanwhile
      } else {
        this.which = which;
        this.character = character;
        this.#begin(told, picture);
      }
    } catch (error) {
      if (opening === this.openings) {
        this.store.notify({ kind: 'error', about: 'picture', text: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  /**
   * @param {Told} told
   * @param {Blob} picture
   */
  #begin(told, picture) {
    this.points = new PointSet(told);
    this.name = told.name;
    setText(html('editor-title'), `Points of ${told.name}`);
    setText(html('editor-hint'), told.found
      ? 'All of it was found. What you move is used instead of what was found.'
      : 'No face was found: move eyes, nose, mouth and chin to their places.');
    this.#say('');
    const { stage } = this;
    stage.shown = new Set(/** @type {Group[]} */ (['face', 'outline', ...(told.found ? ['arms'] : [])]));
    for (const box of this.#groupBoxes()) {
      box.checked = box.value === 'outline' ? this.points.outline.length > 0 : stage.shown.has(/** @type {Group} */ (box.value));
    }
    this.dialog.showModal();
    stage.show(this.points, URL.createObjectURL(picture));
    this.#changed();
  }

  /** @param {string} path @param {'used' | 'refused'} which */
  async #fetch(path, which) {
    const url = address(path);
    url.searchParams.set('session', this.picture.session);
    url.searchParams.set('which', which);
    const response = await fetch(url).catch(() => null);
    if (!response?.ok) {
      /** @type {{message?: string}} */
      const answer = await response?.json().catch(() => ({})) ?? {};
      throw new Error(answer.message ?? 'The points did not come from the server: check the connection and try again.');
    }
    return response;
  }

  get text() {
    return JSON.stringify(this.points?.toFile() ?? {});
  }

  /** @param {string} text about the last action */
  #say(text) {
    this.answer = text;
    this.saysBusy = false;
    this.#showMessage();
  }

  #showMessage() {
    setText(html('editor-message'), this.answer || this.previewFailure);
  }

  #changed() {
    this.#say('');
    button('editor-undo').disabled = !this.points?.canUndo;
    button('editor-redo').disabled = !this.points?.canRedo;
    this.#showSelected(this.stage.selected);
    this.preview.want(this.picture.session, this.which, this.text);
  }

  /** @param {string | null} name */
  #showSelected(name) {
    const row = html('editor-selected');
    row.classList.toggle('invisible', name === null);
    if (name !== null) {
      setText(html('editor-point'), labelOf(name));
      input('editor-on').checked = this.points?.on.has(name) ?? false;
    }
  }

  async #use() {
    const { text } = this;
    this.#say('');
    button('editor-use').disabled = true;
    try {
      if (this.which === 'used' && this.character !== this.picture.worn) {
        throw new PictureError('Another picture is in use now: cancel, then place its points.');
      }
      await this.picture.placePoints(this.which, text);
      this.dialog.close();
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
      this.saysBusy = error instanceof PictureError && error.about === 'busy';
    }
    button('editor-use').disabled = false;
  }

  #download() {
    const url = URL.createObjectURL(new Blob([JSON.stringify(this.points?.toFile() ?? {}, null, 1)], { type: 'application/json' }));
    const name = `${this.name.replace(/\.[a-z0-9]+$/i, '')}.points.json`;
    Object.assign(document.createElement('a'), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  /** @param {File | undefined} file */
  async #load(file) {
    if (!file || !this.points) {
      return;
    }
    try {
      if (file.size > MAX_FILE_BYTES) {
        throw new PointsFileError('This file is larger than 64 KB: choose a file of points.');
      }
      this.points.load(parsePoints(await file.text()));
      Object.keys(GROUPS).forEach((group) => this.#showGroup(/** @type {Group} */ (group)));
      input('editor-outline').checked = this.points.outline.length > 0;
      this.stage.render();
      this.#changed();
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {Group} group which is shown if one of its points is on */
  #showGroup(group) {
    if ([...this.points?.on ?? []].some((name) => groupOf(name) === group)) {
      this.stage.shown.add(group);
      const box = this.#groupBoxes().find(({ value }) => value === group);
      if (box) {
        box.checked = true;
      }
    }
  }

  /** @returns {HTMLInputElement[]} */
  #groupBoxes() {
    return [...this.dialog.querySelectorAll('#editor-groups input')].map((box) => /** @type {HTMLInputElement} */ (box));
  }

  #bind() {
    const { dialog, stage } = this;
    const around = (/** @type {number} */ factor) => {
      const box = stage.root.getBoundingClientRect();
      stage.zoom(factor, box.left + box.width / 2, box.top + box.height / 2);
    };
    const step = (/** @type {'undo' | 'redo'} */ kind) => {
      this.points?.[kind]();
      input('editor-outline').checked = (this.points?.outline.length ?? 0) > 0;
      stage.render();
      this.#changed();
    };
    /** @type {Record<string, () => void>} */
    const actions = {
      'place-points': () => void this.open('used'),
      'editor-undo': () => step('undo'),
      'editor-redo': () => step('redo'),
      'editor-larger': () => around(BUTTON_ZOOM),
      'editor-smaller': () => around(1 / BUTTON_ZOOM),
      'editor-fit': () => stage.fit(),
      'editor-use': () => void this.#use(),
      'editor-cancel': () => dialog.close(),
      'editor-download': () => this.#download(),
      'editor-load': () => input('editor-file').click(),
    };
    Object.entries(actions).forEach(([id, run]) => button(id).addEventListener('click', run));
    const file = input('editor-file');
    file.addEventListener('change', () => {
      void this.#load(file.files?.[0]);
      file.value = '';
    });
    input('editor-on').addEventListener('change', () => {
      if (stage.selected !== null) {
        this.points?.toggle(stage.selected, input('editor-on').checked);
        stage.render();
        this.#changed();
      }
    });
    this.#groupBoxes().forEach((box) => box.addEventListener('change', () => this.#toggleGroup(box)));
    dialog.addEventListener('keydown', (event) => {
      const key = event.key.toLowerCase();
      if ((event.ctrlKey || event.metaKey) && (key === 'z' || key === 'y')) {
        event.preventDefault();
        step(key === 'y' || event.shiftKey ? 'redo' : 'undo');
      }
    });
    dialog.addEventListener('close', () => {
      this.preview.stop();
      const url = stage.picture.getAttribute('href');
      if (url) {
        URL.revokeObjectURL(url);
      }
      stage.picture.removeAttribute('href');
    });
  }

  /** @param {HTMLInputElement} box */
  #toggleGroup(box) {
    const group = /** @type {Group} */ (box.value);
    if (group === 'outline') {
      this.points?.toggleOutline(box.checked);
      this.#changed();
    } else if (box.checked) {
      this.stage.shown.add(group);
    } else {
      this.stage.shown.delete(group);
    }
    this.stage.render();
  }
}
