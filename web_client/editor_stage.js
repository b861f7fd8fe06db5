// @ts-check
/** The picture in the editor with its handles: dragged by mouse, finger or keys; zoomed by wheel, pinch or keys. */

import { GROUPS, LABELS, LINES, groupOf, labelOf } from './editor_points.js';
import { t } from './i18n.js';

/** @typedef {import('./editor_points.js').Group} Group */
/** @typedef {import('./editor_points.js').PointSet} PointSet */

const SVG = 'http://www.w3.org/2000/svg';
const HANDLE_RADIUS = 7; // CSS pixels
const TOUCH_RADIUS = 20; // CSS pixels around a handle that belong to it
const MAX_ZOOM = 12;
const WHEEL_ZOOM = 0.0016; // log of the zoom for a pixel of the wheel
const KEY_STEP = 1; // CSS pixels; with Shift ten times as many
const MARGIN = 0.04; // of the picture's sides around it, so that handles at its border can be held

/** @param {string} tag @param {Record<string, string>} attributes */
function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  return made;
}

/** Shows a `PointSet` on its picture. */
export class EditorStage {
  /**
   * @param {SVGSVGElement} root
   * @param {object} options
   * @param {() => void} options.onChange points were changed
   * @param {(name: string | null) => void} options.onSelect
   */
  constructor(root, { onChange, onSelect }) {
    this.root = root;
    this.onChange = onChange;
    this.onSelect = onSelect;
    /** @type {PointSet | null} */
    this.points = null;
    /** Groups that are shown. @type {Set<Group>} */
    this.shown = new Set(['face', 'arms', 'outline']);
    /** @type {string | null} */
    this.selected = null;
    /** What the stage shows, pixels of the picture. */
    this.view = { x: 0, y: 0, width: 1, height: 1 };
    this.picture = svg('image', { preserveAspectRatio: 'none' });
    this.lines = svg('g', { class: 'editor-lines' });
    this.handles = svg('g', { class: 'editor-handles' });
    root.append(this.picture, this.lines, this.handles);
    /** Pointers that are down, by id, CSS pixels. @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    /** @type {{name: string, dx: number, dy: number, moved: boolean} | null} */
    this.drag = null;
    this.#bind();
    new ResizeObserver(() => this.points && this.#fit(false)).observe(root);
  }

  /**
   * @param {PointSet} points
   * @param {string} url of the picture
   */
  show(points, url) {
    this.points = points;
    this.picture.setAttribute('href', url);
    this.picture.setAttribute('width', String(points.width));
    this.picture.setAttribute('height', String(points.height));
    this.select(null);
    this.#fit(true);
    this.render();
  }

  /** Shows the whole picture. */
  fit() {
    this.#fit(true);
    this.render();
  }

  /** @param {string | null} name */
  select(name) {
    this.selected = name;
    this.onSelect(name);
  }

  /** CSS pixels for one pixel of the picture. */
  get scale() {
    return this.root.clientWidth / this.view.width || 1;
  }

  /** @param {boolean} whole whether the picture is seen as a whole; else as large as before, on a stage of another shape */
  #fit(whole) {
    if (!this.points) {
      return;
    }
    const { width, height } = this.points;
    const across = this.root.clientWidth || 1;
    const aspect = (this.root.clientHeight || 1) / across;
    if (whole) {
      const side = Math.max(width, height / aspect) * (1 + 2 * MARGIN);
      this.view = { x: width / 2 - side / 2, y: height / 2 - (side * aspect) / 2, width: side, height: side * aspect };
    } else {
      const middle = this.view.y + this.view.height / 2;
      this.view = { ...this.view, y: middle - (this.view.width * aspect) / 2, height: this.view.width * aspect };
    }
    this.render();
  }

  /**
   * Zooms by a factor; what is at this place of the screen stays there.
   * @param {number} factor
   * @param {number} clientX
   * @param {number} clientY
   */
  zoom(factor, clientX, clientY) {
    if (!this.points) {
      return;
    }
    const widest = Math.max(this.points.width, (this.points.height * this.root.clientWidth) / Math.max(1, this.root.clientHeight)) * (1 + 2 * MARGIN);
    const width = Math.min(Math.max(this.view.width / factor, widest / MAX_ZOOM), widest);
    const [x, y] = this.#toPicture(clientX, clientY);
    const share = width / this.view.width;
    this.view = { x: x + (this.view.x - x) * share, y: y + (this.view.y - y) * share, width, height: this.view.height * share };
    this.#keepInView();
    this.render();
  }

  /** @param {number} dx CSS pixels @param {number} dy */
  #pan(dx, dy) {
    const { scale } = this;
    this.view = { ...this.view, x: this.view.x - dx / scale, y: this.view.y - dy / scale };
    this.#keepInView();
    this.render();
  }

  /** The middle of the stage stays on the picture. */
  #keepInView() {
    const { width, height } = this.points ?? { width: 1, height: 1 };
    const { view } = this;
    view.x = Math.min(Math.max(view.x, -view.width / 2), width - view.width / 2);
    view.y = Math.min(Math.max(view.y, -view.height / 2), height - view.height / 2);
  }

  /** @param {number} clientX @param {number} clientY @returns {[number, number]} */
  #toPicture(clientX, clientY) {
    const box = this.root.getBoundingClientRect();
    const { scale } = this;
    return [this.view.x + (clientX - box.left) / scale, this.view.y + (clientY - box.top) / scale];
  }

  /** Draws lines and handles; the handle that has the focus keeps it. */
  render() {
    const { points, view } = this;
    if (!points) {
      return;
    }
    this.root.setAttribute('viewBox', `${view.x} ${view.y} ${view.width} ${view.height}`);
    const unit = String(1 / this.scale);
    this.lines.replaceChildren(...this.#lines(points));
    const wanted = [...Object.keys(GROUPS).flatMap((group) => GROUPS[/** @type {keyof typeof GROUPS} */ (group)]), ...points.corners]
      .filter((name) => points.places.has(name) && this.shown.has(groupOf(name)));
    /** @type {Map<string, SVGElement>} */
    const present = new Map([...this.handles.children].map((each) => [/** @type {SVGElement} */ (each).dataset.name ?? '', /** @type {SVGElement} */ (each)]));
    present.forEach((handle, name) => wanted.includes(name) || handle.remove());
    wanted.forEach((name) => {
      const handle = present.get(name) ?? this.#makeHandle(name);
      if (!handle.isConnected) {
        this.handles.append(handle);
      }
      const [x, y] = points.places.get(name) ?? [0, 0];
      const on = points.on.has(name);
      handle.setAttribute('transform', `translate(${x} ${y}) scale(${unit})`);
      handle.classList.toggle('off', !on);
      handle.classList.toggle('selected', name === this.selected);
      handle.setAttribute('aria-label', t(on ? labelOf(name) : `${labelOf(name)}, off`));
      handle.setAttribute('aria-valuetext', `${Math.round(x)}, ${Math.round(y)}`);
      handle.setAttribute('aria-valuenow', String(Math.round(x)));
    });
  }

  /** @param {PointSet} points */
  #lines(points) {
    const at = (/** @type {string} */ name) => points.places.get(name) ?? [0, 0];
    const lines = LINES.filter((pair) => pair.every((name) => points.on.has(name) && this.shown.has(groupOf(name))))
      .map(([from, to]) => svg('line', { x1: String(at(from)[0]), y1: String(at(from)[1]), x2: String(at(to)[0]), y2: String(at(to)[1]) }));
    const { outline } = points;
    return outline.length > 0 && this.shown.has('outline')
      ? [svg('polygon', { points: outline.map((place) => place.join(',')).join(' ') }), ...lines] : lines;
  }

  /** @param {string} name */
  #makeHandle(name) {
    const handle = /** @type {SVGGElement} */ (svg('g', { class: 'handle', tabindex: '0', role: 'slider', 'data-name': name, 'data-group': groupOf(name) }));
    handle.append(svg('circle', { class: 'reach', r: String(TOUCH_RADIUS) }), svg('circle', { class: 'ring', r: String(HANDLE_RADIUS) }),
      svg('circle', { class: 'middle', r: '1.6' }));
    const title = svg('title', {});
    title.textContent = t(LABELS[name] ?? '');
    handle.append(title);
    return handle;
  }

  #bind() {
    const { root } = this;
    root.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * WHEEL_ZOOM * (event.deltaMode === 1 ? 16 : 1)), event.clientX, event.clientY);
    }, { passive: false });
    root.addEventListener('pointerdown', (event) => this.#press(event));
    root.addEventListener('pointermove', (event) => this.#movePointer(event));
    for (const kind of /** @type {const} */ (['pointerup', 'pointercancel'])) {
      root.addEventListener(kind, (event) => this.#release(event));
    }
    root.addEventListener('focusin', ({ target }) => this.#select(target));
    root.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('dblclick', (event) => {
      if (this.shown.has('outline') && this.points && !this.#nameOf(event.target)) {
        this.points.addCorner(...this.#toPicture(event.clientX, event.clientY));
        this.#changed();
      }
    });
  }

  /** @param {EventTarget | null} target @returns {string | null} */
  #nameOf(target) {
    const handle = target instanceof Element ? target.closest('.handle') : null;
    return handle instanceof SVGElement ? handle.dataset.name ?? null : null;
  }

  /** @param {EventTarget | null} target */
  #select(target) {
    const name = this.#nameOf(target);
    if (name !== null && name !== this.selected) {
      this.select(name);
      this.render();
    }
  }

  /**
   * The handle that is nearest to a place of the screen, of those in reach: those that overlap all stay in reach.
   * @param {number} clientX
   * @param {number} clientY
   */
  #nearest(clientX, clientY) {
    const [x, y] = this.#toPicture(clientX, clientY);
    const near = [...this.handles.children].map((each) => /** @type {SVGElement} */ (each).dataset.name ?? '').map((name) => {
      const place = this.points?.places.get(name) ?? [0, 0];
      return { name, distance: Math.hypot(place[0] - x, place[1] - y) * this.scale };
    }).filter(({ distance }) => distance < TOUCH_RADIUS).sort((a, b) => a.distance - b.distance);
    return near[0]?.name ?? null;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !this.points) {
      return;
    }
    event.preventDefault();
    this.root.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const name = this.pointers.size === 1 ? this.#nearest(event.clientX, event.clientY) : null;
    this.drag = null;
    if (name !== null) {
      const [x, y] = this.#toPicture(event.clientX, event.clientY);
      const place = this.points.places.get(name) ?? [x, y];
      this.drag = { name, dx: place[0] - x, dy: place[1] - y, moved: false };
      /** @type {SVGElement | undefined} */ ([...this.handles.children].map((each) => /** @type {SVGElement} */ (each))
        .find((each) => each.dataset.name === name))?.focus();
    }
  }

  /** @param {PointerEvent} event */
  #movePointer(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.points) {
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.drag) {
      const [x, y] = this.#toPicture(event.clientX, event.clientY);
      this.points.move(this.drag.name, x + this.drag.dx, y + this.drag.dy, !this.drag.moved);
      this.drag.moved = true;
      this.#changed();
    } else if (others.length > 0) {
      const [other] = others;
      const grown = Math.hypot(event.clientX - other.x, event.clientY - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      this.zoom(grown, (event.clientX + other.x) / 2, (event.clientY + other.y) / 2);
      this.#pan((event.clientX - before.x) / 2, (event.clientY - before.y) / 2);
    } else {
      this.#pan(event.clientX - before.x, event.clientY - before.y);
    }
  }

  /** @param {PointerEvent} event */
  #release(event) {
    this.pointers.delete(event.pointerId);
    this.drag = null;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const name = this.#nameOf(event.target);
    const step = (KEY_STEP * (event.shiftKey ? 10 : 1)) / this.scale;
    const ways = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] });
    if (name === null || !this.points || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key in ways) {
      const [x, y] = this.points.places.get(name) ?? [0, 0];
      this.points.move(name, x + ways[event.key][0], y + ways[event.key][1]);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      this.points.toggle(name, false);
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.points.toggle(name, !this.points.on.has(name));
    } else {
      return;
    }
    event.preventDefault();
    this.#changed();
  }

  #changed() {
    this.render();
    this.onChange();
  }
}
