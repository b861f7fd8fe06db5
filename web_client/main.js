// @ts-check
/** Chooses between the page and, with `?view=output`, the bare avatar for an OBS browser source. */

export {}; // a module, so that it may await

const view = new URLSearchParams(location.search).get('view');
if (view === 'output') {
  const { runOutput } = await import('./output.js');
  document.body.dataset.view = 'output';
  runOutput();
} else {
  const { runApp } = await import('./app.js');
  document.body.dataset.view = 'page';
  runApp();
}
