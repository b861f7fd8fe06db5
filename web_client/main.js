// @ts-check
/** Entry point: the page, or with `?view=output` only the avatar, for an OBS browser source. */

import { loadLanguage } from './i18n.js';
import { loadParts } from './parts.js';
import { showAtOnce, takeShown } from './shown_before.js';

const view = new URLSearchParams(location.search).get('view') === 'output' ? 'output' : 'page';
const before = view === 'page' ? takeShown() : null;
void (view === 'page' ? import('./app.js') : import('./output.js')); // comes meanwhile
if (view === 'page') {
  showAtOnce(before);
  await loadParts();
}
await loadLanguage(); // of the parts, too
if (view === 'output') {
  const { runOutput } = await import('./output.js');
  runOutput();
} else {
  const { runApp } = await import('./app.js');
  runApp(before);
}
document.body.dataset.view = view; // base.css shows no words until this is set
