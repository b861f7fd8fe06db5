// @ts-check
/** The card "Phone as camera": the address and the QR code with which a phone opens the page and gives its own camera. */

import { html, image, setWords } from './dom.js';
import { address, isLocal } from './server.js';

/** Asks the server for the address; the card stays hidden on other machines, which are not told. */
export async function fillPhoneCard() {
  if (!isLocal()) {
    return;
  }
  const response = await fetch(address('api/phone')).catch(() => null);
  if (!response?.ok) {
    return;
  }
  /** @type {{url: string | null, fingerprint: string | null}} */
  const { url, fingerprint } = await response.json();
  html('phone').hidden = false;
  html('phone-address').hidden = url === null;
  html('phone-advice').hidden = url !== null;
  if (url !== null) {
    image('phone-code').src = address('api/phone.svg').href;
    setWords(html('phone-url'), url);
    setWords(html('phone-fingerprint'), fingerprint ?? '');
  }
}
