// The line between a worker and its Python interpreter: frames of a length, a type, and a body. The other end is
// python/switchyard_worker/line.py. Numbers are little-endian.

import type { Place, PythonDefinition } from '../../src/common/protocol.ts';

const DEFINE = 1;
const RUN = 2;
const READY = 1;
const UNUSABLE = 2;
const DONE = 3;
const LARGE = 4;

const HEAD_BYTES = 5;
const RUN_WORDS = 5;
const END_BYTES = 8;

/** What an interpreter says of itself. */
export interface About {
  readonly executable: string;
  readonly version: string;
}

export type FromInterpreter =
  | { readonly type: 'ready'; readonly about: About }
  /** It has no SDK, or cannot load it. */
  | { readonly type: 'unusable'; readonly about: About; readonly missing: readonly string[]; readonly error?: string }
  /** The first `done` tasks of the chunk have outcomes, and the others will not be run. */
  | { readonly type: 'done'; readonly chunk: number; readonly done: number }
  /** The same; the last outcome is too large for the board. */
  | { readonly type: 'large'; readonly chunk: number; readonly done: number; readonly outcome: Uint8Array };

/** Tasks of one function that the interpreter is handed at once. */
export interface Order {
  readonly chunk: number;
  readonly key: number;
  /** Bytes of outcomes that there is room for. */
  readonly room: number;
  readonly place: Place | undefined;
  /** One each. */
  readonly payloads: readonly Uint8Array[];
}

export function encodeDefinition(key: number, definition: PythonDefinition, forget: readonly number[]): Buffer {
  const { code, resultSerializers, allowedSerializers, directory, sandbox } = definition;
  const order = { key, forget, code, resultSerializers, allowedSerializers, directory, sandbox };
  const body = Buffer.from(JSON.stringify(order));
  return Buffer.concat([head(DEFINE, body.length), body]);
}

export function encodeOrder({ chunk, key, room, place, payloads }: Order): Buffer {
  const placeText = place === undefined ? '' : JSON.stringify(place);
  const placeBytes = Buffer.byteLength(placeText);
  const payloadBytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const bodyBytes = 4 * (RUN_WORDS + payloads.length) + placeBytes + payloadBytes;
  const frame = Buffer.allocUnsafe(HEAD_BYTES + bodyBytes);
  frame.set(head(RUN, bodyBytes));
  let at = HEAD_BYTES;
  for (const word of [chunk, key, room, payloads.length, placeBytes]) at = frame.writeUInt32LE(word, at);
  for (const payload of payloads) at = frame.writeUInt32LE(payload.length, at);
  at += frame.write(placeText, at);
  for (const payload of payloads) {
    frame.set(payload, at);
    at += payload.length;
  }
  return frame;
}

function head(type: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES);
  frame.writeUInt32LE(bytes);
  frame.writeUInt8(type, 4);
  return frame;
}

/** Puts frames together from what comes in pieces. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** Frames that are whole now. Throws what cannot be read. */
  push(piece: Buffer): FromInterpreter[] {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const frames: FromInterpreter[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): FromInterpreter | undefined {
    if (this.#bytes < HEAD_BYTES) return undefined;
    if ((this.#pieces[0]?.length ?? 0) < HEAD_BYTES) this.#join();
    const end = HEAD_BYTES + (this.#pieces[0]?.readUInt32LE() ?? 0);
    if (this.#bytes < end) return undefined;
    const all = this.#join();
    this.#pieces = all.length === end ? [] : [all.subarray(end)];
    this.#bytes = all.length - end;
    return decode(all.readUInt8(4), all.subarray(HEAD_BYTES, end));
  }

  #join(): Buffer {
    const [first] = this.#pieces;
    const all = first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

function decode(type: number, body: Buffer): FromInterpreter {
  switch (type) {
    case READY: return { type: 'ready', about: parse(body) };
    case UNUSABLE: {
      const { missing = [], error, ...about } = parse(body);
      return { type: 'unusable', about, missing, ...(error === undefined ? {} : { error }) };
    }
    case DONE: return { type: 'done', chunk: body.readUInt32LE(0), done: body.readUInt32LE(4) };
    case LARGE:
      return {
        type: 'large', chunk: body.readUInt32LE(0), done: body.readUInt32LE(4),
        outcome: new Uint8Array(body.subarray(END_BYTES)),
      };
    default: throw new Error(`the interpreter sent a frame of the unknown type ${type}`);
  }
}

interface Introduction extends About {
  readonly missing?: readonly string[];
  readonly error?: string;
}

function parse(body: Buffer): Introduction {
  return JSON.parse(body.toString()) as Introduction; // written by our own runner
}
