// @ts-check
/** The formats of pictures that the server reads: `PICTURE_FORMATS` of streamer/options.py. */

export const FORMATS = 'PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP or TIFF';

const MIME_TYPES = [
  'image/png', 'image/apng', 'image/vnd.mozilla.apng', 'image/jpeg', 'image/webp', 'image/avif', 'image/heic', 'image/heif',
  'image/heic-sequence', 'image/heif-sequence', 'image/gif', 'image/bmp', 'image/x-ms-bmp', 'image/tiff',
];
const EXTENSIONS = [
  '.png', '.apng', '.jpg', '.jpeg', '.jfif', '.webp', '.avif', '.heic', '.heif', '.hif', '.gif', '.bmp', '.tif', '.tiff',
];

/** For the attribute `accept` of an input for files. */
export const ACCEPT = [...MIME_TYPES, ...EXTENSIONS].join(',');

/**
 * Whether a file may be a picture, by its type; by its name where the browser knows no type, as of .heic on most systems.
 * @param {{type: string, name: string}} file
 */
export function mayBePicture({ type, name }) {
  if (type && type !== 'application/octet-stream') {
    return MIME_TYPES.includes(type);
  }
  return EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension));
}
