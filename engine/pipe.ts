// Whole messages between a client and its interchange, over a pair of connected sockets that nobody else has: the
// interchange is the client's child and gets its end when it is started. No port, no name, no key: where nobody can
// knock there is no need for a lock. A hop is one system call and one wake-up, where a ZeroMQ socket takes three
// threads and a cipher.

import type { Duplex } from 'node:stream';
import { BUNDLE_HEAD, bundleHead, bundleSize, copied, COPY_BYTES_MAX, framesStart, isBundle, pad } from './bundle.ts';
import type { Frame } from './socket.ts';

/** How long a closing pipe may go on writing what was queued. */
const LINGER_MS = 500;
const PADDING = Buffer.alloc(8);

/** `whole`: all of the message as one run of bytes, where it came so. */
export type OnMessage = (frames: readonly Frame[], whole: Frame | undefined) => void;

export class Pipe {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
    // That the other end is gone is told by the child's exit, or by the client's leash: here only what was said counts.
    stream.on('error', () => { /* see above */ });
  }

  listen(onMessage: OnMessage): void {
    const parts = new Parts(onMessage);
    this.#stream.on('data', (chunk: Buffer) => parts.take(chunk));
  }

  /** The frames are the pipe's from now on: they are written when there is room. A bundle is passed on as it is. */
  send(frames: readonly Frame[]): void {
    if (isBundle(frames)) {
      this.#stream.write(frames[0]);
      return;
    }
    const size = bundleSize(frames);
    if (size <= COPY_BYTES_MAX) {
      this.#stream.write(copied(frames, size));
      return;
    }
    this.#stream.cork();
    this.#stream.write(bundleHead(frames, size));
    for (const frame of frames) {
      this.#stream.write(frame);
      const rest = pad(frame.length) - frame.length;
      if (rest > 0) this.#stream.write(PADDING.subarray(0, rest));
    }
    this.#stream.uncork();
  }

  /** `now`: what was not written yet is thrown away. */
  async close(now = false): Promise<void> {
    if (!now && !this.#stream.destroyed) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, LINGER_MS);
        this.#stream.end(() => {
          clearTimeout(late);
          resolve();
        });
      });
    }
    this.#stream.destroy();
  }
}

/** Puts messages together from what the stream brings. Its other end is ours: sizes are believed. */
class Parts {
  readonly #onMessage: OnMessage;
  /** The start of a message whose head is not whole. */
  #begun: Buffer | undefined;
  #long: LongMessage | undefined;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  take(chunk: Buffer): void {
    let rest = this.#begun === undefined ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#begun = undefined;
    while (rest.length > 0) {
      if (this.#long !== undefined) {
        rest = rest.subarray(this.#long.fill(rest));
        if (!this.#long.full) return;
        this.#onMessage(this.#long.frames, undefined);
        this.#long = undefined;
        continue;
      }
      const start = rest.length < BUNDLE_HEAD ? Infinity : framesStart(rest.readUInt32LE(4));
      if (rest.length < start) {
        this.#begun = rest;
        return;
      }
      const size = rest.readDoubleLE(8);
      if (rest.length < size) {
        this.#long = new LongMessage(lengthsOf(rest));
        rest = rest.subarray(start);
      } else {
        const whole = rest.length === size ? rest : rest.subarray(0, size);
        this.#onMessage(viewsOn(whole), whole);
        rest = rest.subarray(size);
      }
    }
  }
}

/** A message that is longer than what one read brings. Each frame gets memory of its own, so each can be moved on. */
class LongMessage {
  readonly frames: Frame[];
  #frame = 0;
  /** Of this frame and its padding. */
  #filled = 0;

  constructor(lengths: readonly number[]) {
    this.frames = lengths.map((length) => Buffer.allocUnsafeSlow(length));
  }

  get full(): boolean {
    return this.#frame === this.frames.length;
  }

  /** Returns how many bytes were taken. */
  fill(chunk: Buffer): number {
    let at = 0;
    for (let frame = this.frames[this.#frame]; frame !== undefined; frame = this.frames[this.#frame]) {
      const count = Math.min(pad(frame.length) - this.#filled, chunk.length - at);
      if (this.#filled < frame.length) {
        frame.set(chunk.subarray(at, at + Math.min(count, frame.length - this.#filled)), this.#filled);
      }
      at += count;
      this.#filled += count;
      if (this.#filled < pad(frame.length)) break;
      this.#frame++;
      this.#filled = 0;
    }
    return at;
  }
}

function lengthsOf(bundle: Buffer): number[] {
  return Array.from({ length: bundle.readUInt32LE(4) }, (_, i) => bundle.readUInt32LE(BUNDLE_HEAD + 4 * i));
}

function viewsOn(whole: Buffer): Frame[] {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  const count = view.getUint32(4, true);
  let at = framesStart(count);
  const frames: Frame[] = [];
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(BUNDLE_HEAD + 4 * i, true);
    frames.push(whole.subarray(at, at + length));
    at += pad(length);
  }
  return frames;
}
