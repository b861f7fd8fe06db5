// What test_contrast.py runs in the page: it whitens the pictures, and reads the colours of texts and buttons.
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });

  function addStyles(css) {
    const sheet = new CSSStyleSheet(); // unlike a style element, allowed by the page's content security policy
    sheet.replaceSync(css);
    document.adoptedStyleSheets.push(sheet);
  }

  /** Red, green, blue, alpha, 0..1, of any CSS colour. */
  function rgba(css) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  }

  const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);

  /** Disabled controls need no contrast; a visually hidden label is for screen readers. */
  function describe(element, text, boxes) {
    const style = getComputedStyle(element);
    const [red, green, blue, alpha] = rgba(style.color);
    const rects = [...boxes]
      .map(({ left, top, width, height }) => [left, top, width, height])
      .filter(([, , width, height]) => width > 1 && height > 1);
    const visible = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!visible || rects.length === 0 || element.closest(':disabled, .visually-hidden, option')) {
      return [];
    }
    const size = parseFloat(style.fontSize);
    return [{ text, rgb: [red, green, blue], alpha: alpha * opacity(element), rects, size, weight: Number(style.fontWeight) }];
  }

  /** The visible texts below the elements of the selector `roots`: colour, size in px, weight, boxes in the viewport. */
  function visibleTexts(roots) {
    const texts = [];
    for (const root of document.querySelectorAll(roots)) {
      const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
      while (nodes.nextNode()) {
        const { currentNode: node } = nodes;
        if (node.textContent.trim()) {
          const range = document.createRange();
          range.selectNodeContents(node);
          texts.push(...describe(node.parentElement, node.textContent.trim(), range.getClientRects()));
        }
      }
      for (const select of root.querySelectorAll('select')) { // its text is no node of the document
        const { left, top, width, height } = select.getBoundingClientRect();
        texts.push(...describe(select, 'select', [{ left: left + 14, top: top + 12, width: width / 2, height: height - 24 }]));
      }
    }
    return texts;
  }

  /** Foreground and background of a button by its computed style, with aria-pressed set to `pressed` meanwhile. */
  function buttonColours(selector, pressed) {
    const button = document.querySelector(selector);
    const before = button.getAttribute('aria-pressed');
    if (pressed !== null) {
      button.setAttribute('aria-pressed', pressed);
    }
    const foreground = rgba(getComputedStyle(button.querySelector('svg') ?? button).color).slice(0, 3);
    const layers = [];
    for (let element = button; element; element = element.parentElement) {
      layers.unshift(rgba(getComputedStyle(element).backgroundColor));
    }
    if (pressed !== null) {
      button.setAttribute('aria-pressed', before);
    }
    const over = (below, [red, green, blue, alpha]) => (
      [red, green, blue].map((value, channel) => value * alpha + below[channel] * (1 - alpha)));
    return [foreground, layers.reduce(over, [1, 1, 1])];
  }

  /** Shows, with an example as their text, the elements that are hidden before the start. */
  function showHiddenElements() {
    const ids = ['hint', 'recording', 'self', 'notice', 'notice-action', 'picture-notes', 'colour-field', 'transparent-note', 'slow-words'];
    ids.forEach((id) => { document.getElementById(id).hidden = false; });
    for (const id of ['hint-text', 'notice-text', 'notice-action', 'picture-stage', 'picture-notes', 'slow-words']) {
      document.getElementById(id).textContent = 'An example of a sentence';
    }
  }

  // White in place of every picture and video is the worst case for the white text above them.
  addStyles(`
    .frame img, .frame video, .frame canvas { visibility: hidden; }
    .frame, .self { background: #fff !important; }
    * { transition: none !important; animation: none !important; }`);

  window.contrast = {
    visibleTexts,
    buttonColours,
    showHiddenElements,
    hideText: () => addStyles('* { -webkit-text-fill-color: transparent !important; }'),
    showText: () => document.adoptedStyleSheets.pop(),
  };
})();
