// @ts-check
/** Chooses between the page and, with `?view=output`, the bare avatar for an OBS browser source. */

export {}; // a module, so that it may await

const view = new URLSearchParams(location.search).get('view') === 'output' ? 'output' : 'page';
if (view === 'output') {
  const { runOutput } = await import('./output.js');
  runOutput();
} else {
  const { runApp } = await import('./app.js');
  runApp();
}
document.body.dataset.view = view; // it is shown from now on
