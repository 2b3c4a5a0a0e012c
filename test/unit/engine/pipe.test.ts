import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import test from 'node:test';
import fc from 'fast-check';
import { bundle } from '../../../engine/bundle.ts';
import { Pipe } from '../../../engine/pipe.ts';

/** Keeps what is written, and lets a test say what is read. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }

  override _read(): void { /* the test pushes */ }
}

function bytesOf(messages: readonly (readonly Uint8Array[])[]): Buffer {
  const wire = new Wire();
  const pipe = new Pipe(wire);
  for (const frames of messages) pipe.send(frames);
  return Buffer.concat(wire.written);
}

interface Arrived {
  readonly frames: number[][];
  readonly whole: boolean;
}

/** What arrives when the bytes come in pieces of these sizes, over and over. */
function arrivedFrom(bytes: Buffer, pieces: readonly number[]): Arrived[] {
  const wire = new Wire();
  const arrived: Arrived[] = [];
  new Pipe(wire).listen((frames, whole) => {
    arrived.push({ frames: frames.map((frame) => [...frame]), whole: whole !== undefined });
  });
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = pieces[turn % pieces.length] ?? 1;
    wire.emit('data', bytes.subarray(at, at + size));
    at += size;
  }
  return arrived;
}

const large = fc.integer({ min: 16_000, max: 40_000 }).map((size) => new Uint8Array(size).fill(size % 251));
const frame = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 100 }) }, { weight: 1, arbitrary: large },
);
// A header's first byte is a protocol version, never the mark of a bundle.
const message = fc.array(frame, { maxLength: 5 }).map((frames) => [Uint8Array.of(2, 7), ...frames]);

test('messages of any size arrive as they were sent, however the stream cuts them', () => {
  fc.assert(fc.property(
    fc.array(message, { minLength: 1, maxLength: 6 }),
    fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(65_536)), { minLength: 1, maxLength: 8 }),
    (messages, pieces) => {
      const arrived = arrivedFrom(bytesOf(messages), pieces);
      assert.deepEqual(arrived.map(({ frames }) => frames), messages.map((frames) => frames.map((one) => [...one])));
    },
  ), { numRuns: 100 });
});

test('a message that came in one piece is there as a whole, to be passed on as it is', () => {
  const frames = [Uint8Array.of(2, 1), new Uint8Array(30).fill(3)];
  const bytes = bytesOf([frames]);
  const [arrived] = arrivedFrom(bytes, [bytes.length]);
  assert.equal(arrived?.whole, true);
  assert.deepEqual(bytesOf([bundle(frames)]), bytes);
});

test('each frame of a long message has memory of its own, so that it can be moved to a thread', () => {
  const wire = new Wire();
  const sizes: [number, number][] = [];
  new Pipe(wire).listen((frames) => {
    for (const { byteOffset, buffer, length } of frames) sizes.push([byteOffset, buffer.byteLength - length]);
  });
  const bytes = bytesOf([[Uint8Array.of(2), new Uint8Array(100_000), new Uint8Array(70_001)]]);
  for (let at = 0; at < bytes.length; at += 65_536) wire.emit('data', bytes.subarray(at, at + 65_536));
  assert.deepEqual(sizes, [[0, 0], [0, 0], [0, 0]]);
});

test('closing writes what was queued, unless it is to be thrown away', async () => {
  const wire = new Wire();
  const pipe = new Pipe(wire);
  pipe.send([Uint8Array.of(2)]);
  await pipe.close();
  assert.ok(wire.destroyed && wire.written.length === 1);
  const other = new Wire();
  await new Pipe(other).close(true);
  assert.ok(other.destroyed);
});
