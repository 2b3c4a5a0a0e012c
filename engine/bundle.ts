// Small messages travel as one frame. Each frame of a message is encrypted, queued and handed over by itself, which
// costs more than copying a few kilobytes; so the frames of a small message are put into one, and taken apart at the
// other end.
//
//   mark (1 byte), zero (3), frame count (uint32), length of each frame (uint32), then each frame, all at
//   multiples of 8
//
// The mark is no protocol version: a message whose first byte is something else is as it was sent.

import { ComputeError } from '../src/common/errors.ts';

/** As the socket has it. */
type Frame = Uint8Array;

const MARK = 0xb5;
const HEAD = 8;
/** Above this copying costs more than it saves. */
const BYTES_MAX = 16 * 1024;
/** More than any small message of ours has; bounds what a stranger can make us look at. */
const FRAMES_MAX = 256;

export function bundle(frames: readonly Frame[]): readonly Frame[] {
  if (frames.length < 2 || frames.length > FRAMES_MAX) return frames;
  let size = HEAD + pad(4 * frames.length);
  for (const frame of frames) size += pad(frame.length);
  if (size > BYTES_MAX) return frames;
  const whole = Buffer.allocUnsafe(size);
  whole.writeUInt32LE(MARK, 0);
  whole.writeUInt32LE(frames.length, 4);
  let at = HEAD + pad(4 * frames.length);
  frames.forEach((frame, i) => {
    whole.writeUInt32LE(frame.length, HEAD + 4 * i);
    whole.set(frame, at);
    at += pad(frame.length);
  });
  return [whole];
}

/** Throws BAD_MESSAGE for a bundle that is not whole. */
export function unbundle(frames: readonly Frame[]): readonly Frame[] {
  const [whole] = frames;
  if (frames.length !== 1 || whole === undefined || whole[0] !== MARK) return frames;
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  const count = whole.length < HEAD ? 0 : view.getUint32(4, true);
  let at = HEAD + pad(4 * count);
  if (count < 2 || count > FRAMES_MAX || at > whole.length) throw broken(whole);
  const parts: Frame[] = [];
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(HEAD + 4 * i, true);
    const end = at + length;
    if (end > whole.length) throw broken(whole);
    parts.push(whole.subarray(at, end));
    at += pad(length);
  }
  if (at !== whole.length) throw broken(whole);
  return parts;
}

function pad(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function broken(whole: Frame): ComputeError {
  return new ComputeError('BAD_MESSAGE', `a bundle of ${whole.length} bytes came that is not whole`);
}
