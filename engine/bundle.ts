// The frames of a message as one run of bytes.
//
//   mark (1 byte), zero (3), frame count (uint32), bytes of all this (float64), length of each frame (uint32), then
//   each frame, all at multiples of 8
//
// Between client and interchange every message travels so (pipe.ts). On a ZeroMQ socket small ones do, as one frame:
// each frame there is encrypted, queued and handed over by itself, which costs more than copying a few kilobytes. The
// mark is no protocol version: a message whose first byte is something else is as it was sent.

import { ComputeError } from '../src/common/errors.ts';

/** As the socket has it. */
type Frame = Uint8Array;

export const BUNDLE_HEAD = 16;
const MARK = 0xb5;
/** Above this copying costs more than it saves. */
export const COPY_BYTES_MAX = 16 * 1024;
/** More than any small message of ours has; bounds what a stranger can make us look at. */
const FRAMES_MAX = 256;

/** A small message as one frame; a large one, or one of a single frame, as it is. */
export function bundle(frames: readonly Frame[]): readonly Frame[] {
  if (frames.length < 2 || frames.length > FRAMES_MAX) return frames;
  const size = bundleSize(frames);
  return size > COPY_BYTES_MAX ? frames : [copied(frames, size)];
}

export function isBundle(frames: readonly Frame[]): boolean {
  return frames.length === 1 && frames[0]?.[0] === MARK;
}

/** Takes a bundle apart: views on it. Throws BAD_MESSAGE for one that is not whole. */
export function unbundle(frames: readonly Frame[]): readonly Frame[] {
  const [whole] = frames;
  if (frames.length !== 1 || whole === undefined || whole[0] !== MARK) return frames;
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  const count = whole.length < BUNDLE_HEAD ? 0 : view.getUint32(4, true);
  let at = framesStart(count);
  if (count < 2 || count > FRAMES_MAX || at > whole.length) throw broken(whole);
  if (view.getFloat64(8, true) !== whole.length) throw broken(whole);
  const parts: Frame[] = [];
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(BUNDLE_HEAD + 4 * i, true);
    const end = at + length;
    if (end > whole.length) throw broken(whole);
    parts.push(whole.subarray(at, end));
    at += pad(length);
  }
  if (at !== whole.length) throw broken(whole);
  return parts;
}

export function bundleSize(frames: readonly Frame[]): number {
  let size = framesStart(frames.length);
  for (const frame of frames) size += pad(frame.length);
  return size;
}

/** All of the bundle, of so many bytes. */
export function copied(frames: readonly Frame[], size: number): Buffer {
  const whole = Buffer.allocUnsafe(size);
  writeHead(whole, frames, size);
  let at = framesStart(frames.length);
  for (const frame of frames) {
    whole.set(frame, at);
    // What the memory held before is nobody's business.
    for (let i = at + frame.length, end = at + pad(frame.length); i < end; i++) whole[i] = 0;
    at += pad(frame.length);
  }
  return whole;
}

/** What stands before the first frame. */
export function bundleHead(frames: readonly Frame[], size: number): Buffer {
  const head = Buffer.allocUnsafe(framesStart(frames.length));
  writeHead(head, frames, size);
  return head;
}

/** Where the first of so many frames begins. */
export function framesStart(count: number): number {
  return BUNDLE_HEAD + pad(4 * count);
}

export function pad(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function writeHead(to: Buffer, frames: readonly Frame[], size: number): void {
  const view = new DataView(to.buffer, to.byteOffset, to.length);
  view.setUint32(0, MARK, true);
  view.setUint32(4, frames.length, true);
  view.setFloat64(8, size, true);
  for (let i = 0; i < frames.length; i++) view.setUint32(BUNDLE_HEAD + 4 * i, frames[i]?.length ?? 0, true);
  if (frames.length % 2 === 1) view.setUint32(BUNDLE_HEAD + 4 * frames.length, 0, true);
}

function broken(whole: Frame): ComputeError {
  return new ComputeError('BAD_MESSAGE', `a bundle of ${whole.length} bytes came that is not whole`);
}
