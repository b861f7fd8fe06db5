// @ts-check
/** Lists and opens cameras and microphones, and explains in a sentence why one does not open. */

/** @typedef {{id: string, label: string}} Device */

/** The tracker reads 640 x 480 pixels; a larger picture only costs time. */
const WIDTH = 640;
const HEIGHT = 480;
const MAX_FPS = 30;

/** A camera or microphone that did not open: `message` says why and what to do. */
export class DeviceError extends Error {}

/** Whether this page may ask for a camera at all: browsers allow it on localhost and over HTTPS only. */
export const cameraPossible = () => Boolean(navigator.mediaDevices?.getUserMedia);

/**
 * The cameras of this computer. Their labels are empty until a camera was allowed; a number stands for an empty label.
 * @returns {Promise<Device[]>}
 */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '')
    .map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `Camera ${index + 1}` }));
}

/**
 * Opens a camera.
 * @param {string} id device id; '' for the browser's choice, which is also opened where there is no device of this id
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export async function openCamera(id) {
  const size = {
    width: { ideal: WIDTH },
    height: { ideal: HEIGHT },
    frameRate: { ideal: MAX_FPS, max: MAX_FPS },
  };
  const video = id ? { ...size, deviceId: { exact: id } } : { ...size, facingMode: 'user' };
  try {
    return await openTrack({ video });
  } catch (error) {
    if (id && error instanceof DOMException && ['OverconstrainedError', 'NotFoundError'].includes(error.name)) {
      return openCamera('');
    }
    throw new DeviceError(explain(error, 'camera'));
  }
}

/**
 * Opens the default microphone.
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export async function openMicrophone() {
  try {
    return await openTrack({ audio: { echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    throw new DeviceError(explain(error, 'microphone'));
  }
}

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

/**
 * @param {unknown} error
 * @param {'camera' | 'microphone'} device
 */
function explain(error, device) {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return `The ${device} is blocked: allow it for this page with the icon beside the address, then try again.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No ${device} was found: plug one in, or pick another, then try again.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${device} is busy: close the other program that uses it, then try again.`;
    case 'InsecureContext':
      return `Browsers give a ${device} only to localhost or HTTPS: open this page at http://localhost or behind HTTPS.`;
    default:
      return `The ${device} did not open (${error instanceof Error ? error.message : error}): pick another and try again.`;
  }
}
