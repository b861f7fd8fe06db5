// @ts-check
/** Judges the camera's picture on the page itself, before anything of it leaves: its light, and where the browser can, faces. */

const SIDE = 64; // pixels of the longer side of what is judged
const BLACK_LEVEL = 14; // mean grey level, 0..255, of a covered camera
const DARK_LEVEL = 52; // of the middle of the picture, below which landmarks become uncertain
const BACKLIGHT_DIFFERENCE = 55; // by which the surroundings are brighter than the middle when the light is behind
const BACKLIT_LEVEL = 110; // of the middle, above which a bright window behind does not matter

/** @typedef {{left: number, top: number, width: number, height: number}} Box shares of the picture, 0..1 */

/** Where a head usually is. @type {Box} */
const MIDDLE = { left: 0.32, top: 0.2, width: 0.36, height: 0.55 };

/**
 * What is wrong with the light.
 * @param {ImageData} picture
 * @param {Box} face
 * @returns {'black' | 'dark' | 'backlit' | 'good'}
 */
export function judgeLight({ data, width, height }, face = MIDDLE) {
  const inside = { sum: 0, count: 0 };
  const outside = { sum: 0, count: 0 };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = 4 * (y * width + x);
      const grey = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      const isInside = x >= face.left * width && x < (face.left + face.width) * width
        && y >= face.top * height && y < (face.top + face.height) * height;
      const part = isInside ? inside : outside;
      part.sum += grey;
      part.count += 1;
    }
  }
  const middle = inside.sum / Math.max(1, inside.count);
  const around = outside.sum / Math.max(1, outside.count);
  if (Math.max(middle, around) < BLACK_LEVEL) return 'black';
  if (middle < BACKLIT_LEVEL && around - middle > BACKLIGHT_DIFFERENCE) return 'backlit';
  return middle < DARK_LEVEL ? 'dark' : 'good';
}

const LIGHT_WORDS = {
  black: 'The picture is black: open the cover of the camera.',
  dark: 'It is too dark: turn on a light in front of you.',
  backlit: 'The light is behind you: turn towards it.',
  good: 'The light is good.',
};

/** Some browsers find faces by themselves. @typedef {{detect: (source: CanvasImageSource) => Promise<{boundingBox: DOMRectReadOnly}[]>}} FaceDetector */

/** @returns {FaceDetector | null} null where the browser has none, as most have */
function makeFaceDetector() {
  const Detector = /** @type {{FaceDetector?: new (options: {fastMode: boolean}) => FaceDetector}} */ (window).FaceDetector;
  try {
    return Detector ? new Detector({ fastMode: true }) : null;
  } catch {
    return null;
  }
}

export class CameraCheck {
  constructor() {
    this.canvas = document.createElement('canvas');
    this.detector = makeFaceDetector();
  }

  /**
   * Judges what a video shows now.
   * @param {HTMLVideoElement} video
   * @returns {Promise<string[]>} sentences, the most important one first; empty where there is no picture yet
   */
  async judge(video) {
    const { videoWidth, videoHeight } = video;
    if (videoWidth === 0) {
      return [];
    }
    const scale = SIDE / Math.max(videoWidth, videoHeight);
    this.canvas.width = Math.max(1, Math.round(videoWidth * scale));
    this.canvas.height = Math.max(1, Math.round(videoHeight * scale));
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (!context) {
      return [];
    }
    context.drawImage(video, 0, 0, this.canvas.width, this.canvas.height);
    const faces = await this.#detectFaces(video);
    const box = faces?.[0]?.boundingBox;
    const face = box && {
      left: box.x / videoWidth, top: box.y / videoHeight, width: box.width / videoWidth, height: box.height / videoHeight,
    };
    const light = LIGHT_WORDS[judgeLight(context.getImageData(0, 0, this.canvas.width, this.canvas.height), face)];
    if (faces === null) {
      return [light, 'Whether your face is seen well is checked after the start.'];
    }
    if (faces.length === 0) {
      return ['No face is seen: turn to the camera.', light];
    }
    return faces.length > 1 ? ['Two people are seen: one of them is followed.', light] : [light, 'Your face is seen.'];
  }

  /** @param {HTMLVideoElement} video */
  async #detectFaces(video) {
    try {
      return this.detector && await this.detector.detect(video);
    } catch {
      this.detector = null; // the system offers none, though the browser has the interface
      return null;
    }
  }
}
