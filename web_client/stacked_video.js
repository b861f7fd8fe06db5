// @ts-check
/**
 * Transparent video over WebRTC, which has no alpha: a stacked frame holds the picture above and its alpha, as grey, below
 * (docs/protocol.md). Colours are premultiplied by alpha. It is combined on a canvas, with WebGL where there is a GPU, else
 * pixel by pixel.
 */

const VERTEX = `
attribute vec2 corner;
varying vec2 uv;
void main() {
  uv = vec2(corner.x * 0.5 + 0.5, 0.5 - corner.y * 0.5);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

const FRAGMENT = `
precision mediump float;
uniform sampler2D frame;
uniform float texel;
varying vec2 uv;
void main() {
  // Samples stay half a pixel away from the seam, since linear filtering would mix the two halves.
  float y = clamp(uv.y * 0.5, 0.0, 0.5 - 0.5 * texel);
  vec3 colour = texture2D(frame, vec2(uv.x, y)).rgb;
  float alpha = texture2D(frame, vec2(uv.x, max(y + 0.5, 0.5 + 0.5 * texel))).g;
  float level = clamp((alpha - 0.03) / 0.94, 0.0, 1.0); // lossy coding turns black and white into near greys
  // The canvas is premultiplied, too, so the colour follows the level. Lossy coding may lift a colour above its alpha, the
  // most that it can be.
  gl_FragColor = vec4(min(colour / max(alpha, 0.004), 1.0) * level, level);
}`;

/**
 * Whether a received frame carries its alpha below the picture.
 * @param {{width: number, height: number}} frame as received
 * @param {{width: number, height: number}} picture the avatar's size; a video with odd sides loses a row or a column
 * @returns {boolean | null} null for a frame of neither size: during a switch it still shows the picture before
 */
export function isStacked(frame, picture) {
  const width = picture.width - (picture.width % 2);
  const height = picture.height - (picture.height % 2);
  if (frame.width !== width || (frame.height !== height && frame.height !== 2 * height)) {
    return null;
  }
  return frame.height === 2 * height;
}

/** Draws stacked frames of a video onto a canvas, with their alpha. */
export class StackedVideo {
  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} canvas
   */
  constructor(video, canvas) {
    this.video = video;
    this.canvas = canvas;
    this.paint = glPainter(canvas) ?? pixelPainter(canvas);
  }

  /** Draws the present frame of the video. */
  draw() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (width === 0 || height < 2) {
      return;
    }
    if (this.canvas.width !== width || this.canvas.height !== height >> 1) {
      this.canvas.width = width;
      this.canvas.height = height >> 1;
    }
    this.paint(this.video, width, height);
  }
}

/** Draws a stacked frame of this size. @typedef {(video: HTMLVideoElement, width: number, height: number) => void} Painter */

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Painter | null} null where there is no WebGL.
 */
function glPainter(canvas) {
  // preserveDrawingBuffer: a recording or a screenshot reads the canvas between two frames.
  // failIfMajorPerformanceCaveat: WebGL without a GPU is slower than the loop over pixels.
  const gl = canvas.getContext('webgl', {
    antialias: false, preserveDrawingBuffer: true, failIfMajorPerformanceCaveat: true,
  });
  const program = gl?.createProgram();
  if (!gl || !program) {
    return null;
  }
  for (const [kind, source] of /** @type {const} */ ([
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const corner = gl.getAttribLocation(program, 'corner');
  gl.enableVertexAttribArray(corner);
  gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [name, value] of /** @type {const} */ ([
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
    [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
  ])) {
    gl.texParameteri(gl.TEXTURE_2D, name, value);
  }
  const texel = gl.getUniformLocation(program, 'texel');
  return (video, width, height) => {
    gl.viewport(0, 0, width, height >> 1);
    gl.uniform1f(texel, 1 / height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Painter}
 */
function pixelPainter(canvas) {
  const target = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const scratch = document.createElement('canvas');
  const source = /** @type {CanvasRenderingContext2D} */ (scratch.getContext('2d', { willReadFrequently: true }));
  // The same levels as in the shader, as a table of the 256 greys, and the factors that undo the premultiplication, since
  // `putImageData` takes straight colours.
  const levels = Uint8ClampedArray.from({ length: 256 }, (_, grey) => ((grey / 255 - 0.03) / 0.94) * 255);
  const factors = Float32Array.from({ length: 256 }, (_, grey) => 255 / Math.max(grey, 1));
  return (video, width, height) => {
    if (scratch.width !== width || scratch.height !== height) {
      scratch.width = width;
      scratch.height = height;
    }
    source.drawImage(video, 0, 0, width, height);
    const rows = height >> 1;
    const colour = source.getImageData(0, 0, width, rows);
    const alpha = source.getImageData(0, rows, width, rows);
    for (let index = 0; index < colour.data.length; index += 4) {
      const grey = alpha.data[index + 1];
      const factor = factors[grey];
      colour.data[index] *= factor; // a Uint8ClampedArray rounds and clamps
      colour.data[index + 1] *= factor;
      colour.data[index + 2] *= factor;
      colour.data[index + 3] = levels[grey];
    }
    target.putImageData(colour, 0, 0);
  };
}
