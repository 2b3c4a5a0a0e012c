// Messages ↔ header frames: the version in one byte, then the message. The frames that follow belong to the message
// and are opened elsewhere: columns.ts, payload.ts.

import { BATCH_MARK, decodeBatchHeader, encodeBatchHeader, isBatchMessage } from './batch-header.ts';
import { ComputeError } from './errors.ts';
import { pack, unpack } from './msgpack.ts';
import { PROTOCOL_VERSION } from './protocol.ts';

/** A million ids fit; what is larger is not ours. */
export const HEADER_BYTES_MAX = 32 * 1024 * 1024;
/** No message of ours is nested half as deep. */
export const HEADER_DEPTH_MAX = 32;

/** A message as it came: its type is all that has been checked. */
export interface Header {
  readonly type: string;
  readonly [field: string]: unknown;
}

export function encodeHeader(message: object): Buffer {
  if (isBatchMessage(message)) {
    const header = encodeBatchHeader(message, PROTOCOL_VERSION);
    if (header !== undefined) return header;
  }
  const frame = pack(message, 1);
  frame[0] = PROTOCOL_VERSION;
  return frame;
}

/** Throws BAD_MESSAGE for everything that is not a header of this version. */
export function decodeHeader(frame: Uint8Array): Header {
  if (frame.length === 0) throw new ComputeError('BAD_MESSAGE', 'an empty header frame came');
  if (frame[0] !== PROTOCOL_VERSION) {
    throw new ComputeError('BAD_MESSAGE',
      `a message of protocol version ${frame[0]} came; this process speaks version ${PROTOCOL_VERSION}`);
  }
  if (frame.length > HEADER_BYTES_MAX) {
    throw new ComputeError('BAD_MESSAGE', `a header of ${frame.length} bytes came; the limit is ${HEADER_BYTES_MAX}`);
  }
  // Such a message is a Header: it has a type.
  if (frame[1] === BATCH_MARK) return decodeBatchHeader(frame);
  const message = unpackHeader(frame);
  if (!isHeader(message)) throw new ComputeError('BAD_MESSAGE', 'a header came that is not a message with a type');
  if (!isShallow(message, HEADER_DEPTH_MAX)) {
    throw new ComputeError('BAD_MESSAGE', `a header came that is nested deeper than ${HEADER_DEPTH_MAX} levels`);
  }
  return message;
}

function unpackHeader(frame: Uint8Array): unknown {
  try {
    return unpack(frame, 1);
  } catch (cause) {
    throw new ComputeError('BAD_MESSAGE', `a header of ${frame.length} bytes could not be decoded`, { cause });
  }
}

function isHeader(message: unknown): message is Header {
  return typeof message === 'object' && message !== null && Object.hasOwn(message, 'type')
    && typeof Reflect.get(message, 'type') === 'string';
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((element) => isShallow(element, depth - 1));
  const fields = value as Record<string, unknown>; // as any object may be read
  for (const key in fields) {
    if (!isShallow(fields[key], depth - 1)) return false;
  }
  return true;
}
