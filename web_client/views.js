// @ts-check
/** Further views of the character: added, taken away, and added again in a new session. */

import { html, input } from './dom.js';
import { t } from './i18n.js';
import { ACCEPT } from './picture_formats.js';
import { PictureError, removeView, upload, validate } from './upload.js';

/** @typedef {import('./picture.js').ReferencePicture} ReferencePicture */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./store.js').Store} Store */

const MAX_VIEWS = 3; // beside the picture itself

/** The views of this page's sessions, of which `state.picture.views` is the visible part. */
export class CharacterViews {
  /**
   * @param {Store} store
   * @param {ReferencePicture} picture
   */
  constructor(store, picture) {
    this.store = store;
    this.picture = picture;
    /** The files of the views in use, in their order; null for one that the server was started with. @type {(File | null)[]} */
    this.files = [];
    /** Views that a new session lacks yet. @type {File[]} */
    this.queued = [];
    /**
     * What is being prepared: one view more or one less; own: as the person before the page wants it.
     * @type {{add: File, own: boolean} | {remove: number, own: boolean} | null}
     */
    this.change = null;
  }

  get views() {
    return this.store.state.picture.views;
  }

  /** Name of the view that is being added or taken away; null without. */
  get pendingName() {
    if (this.change === null) {
      return null;
    }
    return 'add' in this.change ? this.change.add.name : this.views[this.change.remove]?.name ?? '';
  }

  /**
   * Adds a view to the character; a notice says why where it cannot be used.
   * @param {File | null} file null: nothing was chosen
   * @param {boolean} own false for one that the character had before
   */
  async add(file, own = true) {
    if (file) {
      await this.#try(file.name, async () => {
        validate(file, this.picture.maxMegabytes);
        if (this.views.length >= MAX_VIEWS) {
          throw new PictureError('A character has at most 4 pictures: take one away before you add another.');
        }
        this.change = { add: file, own };
        this.#show([...this.views, { name: file.name, url: URL.createObjectURL(file), pending: true }]);
        await upload('api/view', this.picture.session, file, {}, this.picture.known.has(file));
      });
    }
  }

  /**
   * Takes a view away.
   * @param {number} index 0 for the first
   */
  async remove(index) {
    const { name } = this.views[index];
    await this.#try(name, async () => {
      this.change = { remove: index, own: true };
      this.#show(this.views.map((view, i) => ({ ...view, pending: i === index })));
      await removeView(this.picture.session, index, name);
    });
  }

  /**
   * Runs a change, unless there is no connection or another change is going on.
   * @param {string} name
   * @param {() => Promise<void>} run
   */
  async #try(name, run) {
    this.store.dismiss('picture');
    const busy = this.picture.pendingName;
    if (busy !== null) {
      this.picture.notify(new PictureError(`${busy} is being prepared: wait a moment, then change ${name}.`, 'busy'));
    } else if (!this.picture.connection.ready) {
      this.picture.notify(`There is no connection to the server: change ${name} when it is back.`);
    } else {
      const running = run();
      const { change } = this;
      try {
        await running;
      } catch (error) {
        if (this.change === change) { // else it ended with its connection
          this.cancel();
        }
        this.picture.notify(error);
        this.picture.sendQueued();
      }
    }
  }

  /** @param {State['picture']['views']} views */
  #show(views) {
    this.store.merge('picture', { views });
  }

  /** The change that is being prepared comes to nothing. */
  cancel() {
    const views = this.views;
    if (this.change && 'add' in this.change) {
      URL.revokeObjectURL(views[views.length - 1].url);
      this.#show(views.slice(0, -1));
    } else if (this.change) {
      this.#show(views.map((view) => ({ ...view, pending: false })));
    }
    this.change = null;
  }

  /** Another picture is chosen, to which the views do not belong. */
  forget() {
    this.queued = [];
  }

  /**
   * These follow once the session has their picture.
   * @param {File[]} files
   */
  queue(files) {
    this.queued = [...files];
  }

  /**
   * A new session begins with the server's own views; those that were added here follow once the session has its picture.
   * @param {string[]} names
   */
  handleReady(names) {
    this.queued = this.files.filter((file) => file !== null);
    this.handlePicture(names);
  }

  /**
   * The session has another picture.
   * @param {string[]} names of the views that it has already
   */
  handlePicture(names) {
    this.change = null;
    this.views.filter(({ url }) => url.startsWith('blob:')).forEach(({ url }) => URL.revokeObjectURL(url));
    this.files = names.map(() => null);
    this.#show(names.map((name, index) => ({ name, url: this.picture.shown.thumbnailAddress(index + 1), pending: false })));
  }

  /** Adds the first of the views that a new session lacks; the others follow it. */
  addQueued() {
    const file = this.queued.shift();
    if (file) {
      void this.add(file, false);
    }
  }

  /**
   * The end of the change that was being prepared.
   * @param {string | null} failure a sentence, null: it is in use
   */
  handleEnd(failure) {
    const { change } = this;
    const own = change?.own ?? false;
    if (failure !== null) {
      this.cancel();
      this.picture.notify(failure);
    } else if (change && 'add' in change) {
      this.change = null;
      this.files.push(change.add);
      this.picture.known.add(change.add);
      this.#renew();
    } else if (change) {
      this.change = null;
      this.files.splice(change.remove, 1);
      this.#show(this.views.filter((_, i) => i !== change.remove));
      this.#renew();
    }
    if (own && failure === null) {
      this.picture.onViews(this.files.filter((file) => file !== null));
    }
  }

  /** Shows the heads of all views as the server cuts them out. */
  #renew() {
    this.picture.shown.renew();
    this.views.filter(({ url }) => url.startsWith('blob:')).forEach(({ url }) => URL.revokeObjectURL(url));
    this.#show(this.views.map((view, i) => ({ ...view, pending: false, url: this.picture.shown.thumbnailAddress(i + 1) })));
  }
}

/** @param {CharacterViews} views */
export function bindViews(views) {
  const file = input('view-file');
  file.accept = ACCEPT;
  html('add-view').addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    void views.add(file.files?.[0] ?? null);
    file.value = ''; // so that the same file can be chosen again
  });
  html('views').addEventListener('click', ({ target }) => {
    const pressed = target instanceof Element ? target.closest('button') : null;
    if (pressed) {
      void views.remove(Number(pressed.dataset.index));
    }
  });
}

/** @param {State} state */
export function renderViews({ picture: { views } }) {
  const list = html('views');
  const add = html('add-view');
  add.hidden = views.length >= MAX_VIEWS;
  html('view-hint').hidden = add.hidden;
  list.hidden = views.length === 0;
  const key = JSON.stringify(views);
  if (list.dataset.rendered === key) {
    return;
  }
  list.dataset.rendered = key;
  const focused = list.contains(document.activeElement);
  list.replaceChildren(...views.map(renderView));
  if (focused) { // the button that was pressed is gone
    (add.hidden ? list.querySelector('button') : add)?.focus();
  }
}

/**
 * @param {State['picture']['views'][number]} view
 * @param {number} index
 */
function renderView({ name, url, pending }, index) {
  const item = document.createElement('li');
  item.toggleAttribute('data-pending', pending);
  const thumb = Object.assign(document.createElement('img'), { src: url, alt: t(`View ${name}`), title: name });
  const remove = document.createElement('button');
  Object.assign(remove, { type: 'button', className: 'remove', title: t(`Take ${name} away`), ariaLabel: t(`Take the view ${name} away`) });
  remove.dataset.index = String(index);
  remove.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-close"/></svg>';
  item.append(thumb, remove);
  return item;
}
