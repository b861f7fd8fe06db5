// @ts-check
/** Entry point: the page, or with `?view=output` only the avatar, for an OBS browser source. */

import { loadDialogs } from './dialogs.js';
import { loadLanguage } from './i18n.js';

const view = new URLSearchParams(location.search).get('view') === 'output' ? 'output' : 'page';
if (view === 'page') {
  await loadDialogs();
}
await loadLanguage(); // of the dialogs, too
if (view === 'output') {
  const { runOutput } = await import('./output.js');
  runOutput();
} else {
  const { runApp } = await import('./app.js');
  runApp();
}
document.body.dataset.view = view; // base.css hides the body until this is set
