// The ledger's file. Its end is always the end of a whole record.

import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LedgerIndex, Place } from './ledger-index.ts';
import { decodeRecord, encodeRecord, lengthOfRecord, type PlacedRecord } from './ledger-record.ts';

const CHUNK_BYTES = 1024 * 1024;

export class LedgerFile {
  readonly #path: string;
  #handle: FileHandle;
  #size = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<LedgerFile> {
    await rm(draftOf(path), { force: true });
    const there = await open(path, 'r+', 0o600).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    return new LedgerFile(path, there ?? await open(path, 'wx+', 0o600));
  }

  get size(): number {
    return this.#size;
  }

  /** Every whole record from the start on; what is behind the last one is cut off: so many bytes. */
  async replay(onRecord: (placed: PlacedRecord) => void): Promise<number> {
    const { size } = await this.#handle.stat();
    let bytes = Buffer.alloc(0);
    let start = 0;
    let at = 0;
    for (;;) {
      const placed = decodeRecord(bytes, at);
      if (placed !== undefined) {
        onRecord({ ...placed, at: start + at });
        at += placed.length;
        continue;
      }
      const needed = lengthOfRecord(bytes, at) ?? 0;
      const more = await this.#chunk(start + bytes.length, Math.max(CHUNK_BYTES, needed - (bytes.length - at)));
      // With all of it here, it is none.
      if (more.length === 0 || (needed > 0 && bytes.length - at >= needed)) break;
      bytes = Buffer.concat([bytes.subarray(at), more]);
      start += at;
      at = 0;
    }
    this.#size = start + at;
    if (size > this.#size) await this.#handle.truncate(this.#size);
    return size - this.#size;
  }

  /** Where they begin. With `sync` they are on the disk. What fails leaves nothing behind. */
  async append(records: readonly Buffer[], sync: boolean): Promise<number> {
    const at = this.#size;
    const bytes = Buffer.concat(records);
    if (bytes.length === 0 && !sync) return at;
    try {
      await writeAt(this.#handle, bytes, at);
      if (sync) await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(at).catch(() => { /* the next write begins at the same place */ });
      throw error;
    }
    this.#size = at + bytes.length;
    return at;
  }

  async read(place: Place): Promise<PlacedRecord> {
    const placed = decodeRecord(await this.#chunk(place.at, place.length));
    if (placed === undefined) throw new Error(`${this.#path} has no record at ${place.at}`);
    return placed;
  }

  /** Only what is alive goes into the new one; the places in `index` are then those there. */
  async rewrite(index: LedgerIndex): Promise<void> {
    const draft = await open(draftOf(this.#path), 'wx+', 0o600);
    try {
      const { moved, size } = await this.#copy(index, draft);
      await draft.sync();
      await rename(draftOf(this.#path), this.#path);
      const old = this.#handle;
      this.#handle = draft;
      this.#size = size;
      for (const [place, at] of moved) place.at = at;
      await old.close();
    } catch (error) {
      await rm(draftOf(this.#path), { force: true });
      if (this.#handle !== draft) await draft.close();
      throw error;
    }
    await syncDirectory(dirname(this.#path));
  }

  async clear(): Promise<void> {
    await this.#handle.truncate(0);
    this.#size = 0;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #copy(index: LedgerIndex, draft: FileHandle): Promise<{ moved: Map<Place, number>; size: number }> {
    const moved = new Map<Place, number>();
    const over: string[] = [];
    let size = 0;
    const put = async (bytes: Buffer): Promise<void> => {
      await writeAt(draft, bytes, size);
      size += bytes.length;
    };
    const copy = async (place: Place): Promise<void> => {
      const bytes = await this.#chunk(place.at, place.length);
      moved.set(place, size);
      await put(bytes);
      const record = decodeRecord(bytes)?.record;
      if (record?.type === 'accepted') over.push(...record.ids.filter((id) => !index.has(id)));
    };
    // What comes into the index meanwhile is written behind all this, whatever it is.
    const results = index.settledIds().flatMap((id) => index.resultOf(id) ?? []);
    for (const message of index.messages()) if (message.at >= 0) await copy(message);
    if (over.length > 0) await put(encodeRecord({ type: 'confirmed', ids: over }));
    for (const place of results) await copy(place);
    return { moved, size };
  }

  async #chunk(at: number, most: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(most);
    let length = 0;
    while (length < most) {
      const { bytesRead } = await this.#handle.read(bytes, length, most - length, at + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  }
}

async function writeAt(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, at + written);
    written += bytesWritten;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function draftOf(path: string): string {
  return `${path}.new`;
}
