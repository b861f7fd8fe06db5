// @ts-check
/**
 * Roving focus for a toolbar (WAI-ARIA authoring practices): Tab reaches one button of it, the arrow keys, Home and End
 * move between the buttons.
 */

/**
 * The index of the button that a key moves to, or null for another key.
 * @param {string} key
 * @param {number} index of the focused button
 * @param {number} count of buttons
 */
function targetIndex(key, index, count) {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return (index + 1) % count;
    case 'ArrowLeft':
    case 'ArrowUp':
      return (index - 1 + count) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}

/**
 * @param {HTMLElement} toolbar
 * @param {HTMLButtonElement} first the button that Tab reaches until another one had the focus
 */
export function bindToolbar(toolbar, first) {
  const buttons = [...toolbar.querySelectorAll('button')];
  let lastFocused = first;

  const enabledButtons = () => buttons.filter((button) => !button.disabled);

  function updateTabStop() {
    const enabled = enabledButtons();
    const stop = [lastFocused, first].find((button) => !button.disabled) ?? enabled[0];
    buttons.forEach((button) => { button.tabIndex = button === stop ? 0 : -1; });
  }

  toolbar.addEventListener('focusin', ({ target }) => {
    lastFocused = buttons.find((button) => button === target) ?? lastFocused;
    updateTabStop();
  });
  toolbar.addEventListener('keydown', (event) => {
    const enabled = enabledButtons();
    const index = enabled.findIndex((button) => button === document.activeElement);
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    const target = index < 0 || modified ? null : targetIndex(event.key, index, enabled.length);
    if (target !== null) {
      event.preventDefault();
      enabled[target].focus();
    }
  });
  new MutationObserver(updateTabStop).observe(toolbar, { subtree: true, attributeFilter: ['disabled'] });
  updateTabStop();
}
