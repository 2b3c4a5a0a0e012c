// Values that JSON has, plus undefined, bigint and bytes ↔ msgpack. Maps are always objects, objects are always maps:
// no state is shared between the two ends, so that any message can be read by itself.

import { addExtension, Packr, RESERVE_START_SPACE } from 'msgpackr';

/** What is this small is decoded from one buffer that is made once: a view on each would cost more than the copy. */
const INBOX_BYTES = 8 * 1024;
const EXTENSION_BUNDLE = 0x62;

const inbox = Buffer.alloc(INBOX_BYTES);
const packr = new Packr({
  useRecords: false, variableMapSize: true, useBigIntExtension: true, useToJSON: false, structuredClone: false,
  copyBuffers: true,
});

// msgpackr's bundles of strings believe the lengths they read, and a few bytes could keep it busy for minutes.
addExtension({ type: EXTENSION_BUNDLE, unpack: () => { throw new Error('bundled strings are not used'); } });

/** The bytes after `reserved` free ones. Nothing writes over them later; small ones share a block of memory. */
export function pack(value: unknown, reserved = 0): Buffer {
  return packr.pack(value, RESERVE_START_SPACE | reserved);
}

/** Reads exactly the bytes from `start` on; what it returns does not share their memory. Throws any error. */
export function unpack(bytes: Uint8Array, start = 0): unknown {
  const end = bytes.length;
  if (end <= start) throw new Error('there are no bytes');
  if (end > INBOX_BYTES) return packr.unpack(Buffer.from(bytes.buffer, bytes.byteOffset, end), { start, end });
  inbox.set(bytes);
  return packr.unpack(inbox, { start, end });
}

/** Teaches msgpack a class: written as `write` says it, read by what `write` gave. Types are 1 to 127. */
export function extend<T>(extension: {
  readonly Class: new (...args: never[]) => T;
  readonly type: number;
  readonly write: (value: T) => unknown;
  readonly read: (parts: unknown) => unknown;
}): void {
  addExtension(extension);
}
