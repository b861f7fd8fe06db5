// @ts-check
/** Lists and opens cameras and microphones, and explains in a sentence why one does not open. */

/** @typedef {{id: string, label: string}} Device */

/** Of the camera, with the bit rate that its video needs, bit/s. A face that is far away gains by more pixels. */
export const RESOLUTIONS = {
  '640x480': { width: 640, height: 480, bitrate: 1_500_000 },
  '1280x720': { width: 1280, height: 720, bitrate: 2_500_000 },
  '1920x1080': { width: 1920, height: 1080, bitrate: 4_000_000 },
};
/** @typedef {keyof typeof RESOLUTIONS} Resolution */

/** @type {Resolution} */
export const DEFAULT_RESOLUTION = '640x480';
const MAX_FPS = 30;

/** The virtual cameras that Kagami itself writes: v4l2loopback as the README sets it up, and where it has OBS's that one. */
const OWN = /\bkagami\b/i;
const OBS = /^obs virtual camera\b/i;

/** A camera or microphone that did not open: `message` says why and what to do. */
export class DeviceError extends Error {
  /** @param {string} message @param {import('./state.js').Trouble} trouble the same as a word */
  constructor(message, trouble) {
    super(message);
    this.trouble = trouble;
  }
}

/** Why a device did not open, as a word. @param {unknown} error @returns {import('./state.js').Trouble} */
export const troubleOf = (error) => (error instanceof DeviceError ? error.trouble : 'failed');

/**
 * Says why a device did not open.
 * @param {import('./store.js').Store} store
 * @param {unknown} error
 * @param {'camera' | 'microphone'} about
 * @param {import('./state.js').Notice['action']} [action]
 */
export function notifyTrouble(store, error, about, action) {
  const text = error instanceof DeviceError ? error.message : `Something broke in this page (${error}): reload it.`;
  store.notify({ kind: 'error', about, text, ...(action ? { action } : {}) });
}

/** Whether this page may ask for a camera at all: browsers allow it on localhost and over HTTPS only. */
export const cameraPossible = () => Boolean(navigator.mediaDevices?.getUserMedia);

/**
 * The cameras of this computer, without the avatar's own. Their labels are empty until a camera was allowed; a number
 * stands for an empty label.
 * @param {boolean} writesObs whether this server writes to the virtual camera of OBS
 * @returns {Promise<Device[]>}
 */
export async function listCameras(writesObs = false) {
  return (await listDevices('videoinput'))
    .filter(({ label }) => !isOwnCamera(label, writesObs))
    .map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `Camera ${index + 1}` }));
}

/** The microphones, likewise. @returns {Promise<Device[]>} */
export async function listMicrophones() {
  return (await listDevices('audioinput'))
    .map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `Microphone ${index + 1}` }));
}

/** @param {MediaDeviceKind} kind */
async function listDevices(kind) {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === kind && device.deviceId !== '');
}

/**
 * Whether this is the avatar itself: as input it would show the avatar to itself.
 * @param {string} label of a camera
 * @param {boolean} writesObs whether this server writes to the virtual camera of OBS
 */
const isOwnCamera = (label, writesObs) => OWN.test(label) || (writesObs && OBS.test(label));

/**
 * Opens a camera.
 * @param {string} id device id; '' for the browser's choice, which is also opened where there is no device of this id
 * @param {Resolution} resolution
 * @param {boolean} writesObs whether this server writes to the virtual camera of OBS
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export async function openCamera(id, resolution, writesObs) {
  const { width, height } = RESOLUTIONS[resolution];
  const size = {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: MAX_FPS, max: MAX_FPS },
  };
  const video = id ? { ...size, deviceId: { exact: id } } : { ...size, facingMode: 'user' };
  try {
    const track = await openTrack({ video });
    if (!isOwnCamera(track.label, writesObs)) {
      return track;
    }
    track.stop(); // the browser's choice, or a choice of an earlier visit
  } catch (error) {
    if (id && isMissing(error)) {
      return openCamera('', resolution, writesObs);
    }
    throw new DeviceError(explain(error, 'camera'), causeOf(error));
  }
  const [other] = await listCameras(writesObs);
  if (!other || other.id === id) {
    throw new DeviceError('The only camera is the one that shows the avatar: plug in another, then try again.', 'missing');
  }
  return openCamera(other.id, resolution, writesObs);
}

/**
 * Opens a microphone.
 * @param {string} id device id; '' for the browser's choice, which is also opened where there is no device of this id
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export async function openMicrophone(id) {
  const sound = { echoCancellation: true, noiseSuppression: true };
  try {
    return await openTrack({ audio: id ? { ...sound, deviceId: { exact: id } } : sound });
  } catch (error) {
    if (id && isMissing(error)) {
      return openMicrophone('');
    }
    throw new DeviceError(explain(error, 'microphone'), causeOf(error));
  }
}

/** @param {unknown} error @returns {boolean} whether there is no such device */
const isMissing = (error) => error instanceof DOMException && ['OverconstrainedError', 'NotFoundError'].includes(error.name);

/** @param {MediaStreamConstraints} constraints */
async function openTrack(constraints) {
  if (!cameraPossible()) {
    throw new DOMException('', 'InsecureContext');
  }
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  const [track] = stream.getTracks();
  if (track.kind === 'video') {
    track.contentHint = 'motion'; // with little bandwidth the encoder lowers the resolution and not the frame rate
  }
  return track;
}

/** @param {unknown} error @returns {import('./state.js').Trouble} */
function causeOf(error) {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'blocked';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'InsecureContext':
      return 'insecure';
    default:
      return 'failed';
  }
}

/**
 * @param {unknown} error
 * @param {'camera' | 'microphone'} device
 */
function explain(error, device) {
  switch (causeOf(error)) {
    case 'blocked':
      return `The ${device} is blocked: allow it for this page with the icon beside the address, then try again.`;
    case 'missing':
      return `No ${device} was found: plug one in, or pick another, then try again.`;
    case 'busy':
      return `The ${device} is busy: close the other program that uses it, then try again.`;
    case 'insecure':
      return `Browsers give a ${device} only to localhost or HTTPS: open this page at http://localhost or behind HTTPS.`;
    case 'failed':
      return `The ${device} did not open (${error instanceof Error ? error.message : error}): pick another and try again.`;
  }
}
