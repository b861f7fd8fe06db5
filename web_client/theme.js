// @ts-check
/**
 * Puts the chosen colours onto the page, and whether it shows the avatar alone, before anything is drawn; a classic
 * script, since modules run too late for that.
 */

(() => {
  document.documentElement.classList.toggle('output', new URLSearchParams(location.search).get('view') === 'output');
  try {
    const { theme } = JSON.parse(localStorage.getItem('kagami') ?? '{}');
    if (theme === 'light' || theme === 'dark') {
      document.documentElement.dataset.theme = theme;
    }
  } catch {
    // Without storage the colours are those of the system.
  }
})();
