// The ledger's lines as bytes. Each has its length and a checksum in front, so that one that was only half written when
// the process ended is told from one that is there. Pure.

import { crc32 } from 'node:zlib';

export type LedgerRecord =
  /** These tasks were taken; `content` is the message that they came in. */
  | { readonly type: 'accepted'; readonly ids: readonly string[]; readonly content: Uint8Array }
  /** This task's result, which the broker does not have yet. */
  | { readonly type: 'settled'; readonly id: string; readonly content: Uint8Array }
  /** The broker has the results of these: they are over. */
  | { readonly type: 'confirmed'; readonly ids: readonly string[] };

/** A record and where in the file it is, its frame included. */
export interface PlacedRecord {
  readonly record: LedgerRecord;
  readonly at: number;
  readonly length: number;
}

/** Length of what follows the frame, then its checksum. */
const FRAME_BYTES = 8;
const ID_BYTES = 16;
const TYPES = { accepted: 1, settled: 2, confirmed: 3 } as const;
/** More than any message has: a length past it is none. */
const RECORD_BYTES_MAX = 256 * 1024 * 1024;

export function encodeRecord(record: LedgerRecord): Buffer {
  const ids = record.type === 'settled' ? [record.id] : record.ids;
  const content = record.type === 'confirmed' ? undefined : record.content;
  const head = 5 + ids.length * ID_BYTES;
  const length = head + (content?.length ?? 0);
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + length);
  bytes.writeUInt32LE(length, 0);
  bytes[FRAME_BYTES] = TYPES[record.type];
  bytes.writeUInt32LE(ids.length, FRAME_BYTES + 1);
  ids.forEach((id, i) => bytes.write(id.replaceAll('-', ''), FRAME_BYTES + 5 + i * ID_BYTES, 'hex'));
  if (content !== undefined) bytes.set(content, FRAME_BYTES + head);
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_BYTES)), 4);
  return bytes;
}

/** The record at `at`; undefined where there is no whole one. Its content is a view on `bytes`. */
export function decodeRecord(bytes: Buffer, at = 0): PlacedRecord | undefined {
  const length = lengthOfRecord(bytes, at);
  if (length === undefined || at + length > bytes.length) return undefined;
  const body = bytes.subarray(at + FRAME_BYTES, at + length);
  if (crc32(body) !== bytes.readUInt32LE(at + 4)) return undefined;
  const record = read(body);
  return record === undefined ? undefined : { record, at, length };
}

/** How long the record at `at` is, frame included, if this much can be read. */
export function lengthOfRecord(bytes: Buffer, at: number): number | undefined {
  if (at + FRAME_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  return length < 5 || length > RECORD_BYTES_MAX ? undefined : FRAME_BYTES + length;
}

function read(body: Buffer): LedgerRecord | undefined {
  const count = body.readUInt32LE(1);
  const head = 5 + count * ID_BYTES;
  if (head > body.length) return undefined;
  const ids = Array.from({ length: count }, (_, i) => uuidAt(body, 5 + i * ID_BYTES));
  const content = body.subarray(head);
  const [first] = ids;
  if (body[0] === TYPES.accepted) return { type: 'accepted', ids, content };
  if (body[0] === TYPES.confirmed) return { type: 'confirmed', ids };
  return body[0] === TYPES.settled && first !== undefined ? { type: 'settled', id: first, content } : undefined;
}

function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + ID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
