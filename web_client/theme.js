// @ts-check
/** Puts the chosen colours onto the page before anything is drawn; a classic script, since modules run too late for that. */

(() => {
  try {
    const { theme } = JSON.parse(localStorage.getItem('kagami') ?? '{}');
    if (theme === 'light' || theme === 'dark') {
      document.documentElement.dataset.theme = theme;
    }
  } catch {
    // Without storage the colours are those of the system.
  }
})();
