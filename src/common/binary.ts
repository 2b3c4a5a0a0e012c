// Everything that is a view on memory – Buffer, typed arrays, DataView, ArrayBuffer – as plain bytes, and back again.

import { types } from 'node:util';

interface ViewClass {
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT?: number;
}

const VIEWS = {
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
  Float64Array, BigInt64Array, BigUint64Array, DataView,
} as const satisfies Record<string, ViewClass>;

export type BytesKind = keyof typeof VIEWS | 'Buffer' | 'ArrayBuffer';

export function isBytesKind(kind: unknown): kind is BytesKind {
  return typeof kind === 'string' && (kind === 'Buffer' || kind === 'ArrayBuffer' || Object.hasOwn(VIEWS, kind));
}

export function hasBytes(value: object): value is ArrayBufferView | ArrayBufferLike {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value);
}

/** Undefined for what is shared between threads or not known. */
export function kindOfBytes(value: ArrayBufferView | ArrayBufferLike): BytesKind | undefined {
  if (Buffer.isBuffer(value)) return 'Buffer';
  const name = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return isBytesKind(name) ? name : undefined;
}

/** The same memory, seen as bytes; a copy where another thread could write to it meanwhile. */
export function bytesOf(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  if (!ArrayBuffer.isView(value)) return new Uint8Array(value);
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return types.isSharedArrayBuffer(value.buffer) ? bytes.slice() : bytes;
}

/** Bytes seen as `kind` sees them: on the same memory where that is possible, else on a copy. */
export function shapeBytes(kind: BytesKind, bytes: Uint8Array): unknown {
  const { byteOffset, byteLength } = bytes;
  const buffer = bytes.buffer as ArrayBuffer; // what comes from a socket or a decoder is never shared
  if (kind === 'Buffer') return Buffer.from(buffer, byteOffset, byteLength);
  if (kind === 'ArrayBuffer') {
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }
  const View: ViewClass = VIEWS[kind];
  const unit = View.BYTES_PER_ELEMENT ?? 1;
  if (byteLength % unit !== 0) throw new Error(`${byteLength} bytes are no ${kind}`);
  if (byteOffset % unit !== 0) return new View(buffer.slice(byteOffset, byteOffset + byteLength));
  return new View(buffer, byteOffset, byteLength / unit);
}
