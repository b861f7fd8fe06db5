// @ts-check
/**
 * Where a recording is kept until it is complete: in the page's own folder on the disk (the origin private file system,
 * which asks nobody and shows nobody anything), else in memory.
 */

const FOLDER = 'recordings';
const STALE_MS = 3_600_000; // a finished file is removed by the next visit that is at least this much later

/**
 * @typedef {object} RecordingFile
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Promise<void>} append
 * @property {(at: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>} patch replaces the bytes from this offset on
 * @property {(type: string) => Promise<Blob>} close completes the file; the blob of one on the disk is read from there
 * @property {number} limit bytes that it may have
 */

/** Bytes that are kept in memory for one file, where there is no disk; the recording then goes on in another file. */
const MEMORY_LIMIT = 512 * 2 ** 20;
const DISK_LIMIT = 4 * 2 ** 30; // many file systems and players take no larger file

/** @implements {RecordingFile} */
class MemoryFile {
  limit = MEMORY_LIMIT;
  /** Browsers move large blobs from memory to the disk where they can. */
  #blob = new Blob();

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  async append(bytes) {
    this.#blob = new Blob([this.#blob, bytes]);
  }

  /** @param {number} at @param {Uint8Array<ArrayBuffer>} bytes */
  async patch(at, bytes) {
    this.#blob = new Blob([this.#blob.slice(0, at), bytes, this.#blob.slice(at + bytes.length)]);
  }

  /** @param {string} type */
  async close(type) {
    return new Blob([this.#blob], { type });
  }
}

/** @implements {RecordingFile} */
class DiskFile {
  limit = DISK_LIMIT;
  #handle;
  #writable;

  /**
   * @param {FileSystemFileHandle} handle
   * @param {FileSystemWritableFileStream} writable
   */
  constructor(handle, writable) {
    this.#handle = handle;
    this.#writable = writable;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  async append(bytes) {
    await this.#writable.write(bytes);
  }

  /** @param {number} at @param {Uint8Array<ArrayBuffer>} bytes */
  async patch(at, bytes) {
    await this.#writable.write({ type: 'write', position: at, data: bytes });
  }

  /** @param {string} type */
  async close(type) {
    await this.#writable.close();
    const file = await this.#handle.getFile();
    return file.slice(0, file.size, type);
  }
}

/**
 * A new, empty file.
 * @param {string} name
 * @returns {Promise<RecordingFile>}
 */
export async function openRecordingFile(name) {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    const handle = await folder.getFileHandle(`${crypto.randomUUID()}-${name}`, { create: true });
    return new DiskFile(handle, await handle.createWritable());
  } catch {
    return new MemoryFile(); // no such folder in this browser, or not for this address or window
  }
}

/** Removes what former visits have left on the disk. A file that another tab writes cannot be removed. */
export async function removeStaleRecordings() {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER);
    for await (const name of folder.keys()) {
      const handle = await folder.getFileHandle(name);
      if (Date.now() - (await handle.getFile()).lastModified > STALE_MS) {
        await folder.removeEntry(name).catch(() => undefined);
      }
    }
  } catch {
    // There is no such folder.
  }
}
