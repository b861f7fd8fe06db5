// @ts-check
/** Entry point: the page, or with `?view=output` only the avatar, for an OBS browser source. */

export {}; // makes this a module for the type checker: only modules have a top-level await

const view = new URLSearchParams(location.search).get('view') === 'output' ? 'output' : 'page';
if (view === 'output') {
  const { runOutput } = await import('./output.js');
  runOutput();
} else {
  const { runApp } = await import('./app.js');
  runApp();
}
document.body.dataset.view = view; // base.css hides the body until this is set
