import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeDefinition, encodeOrder, FrameReader, type FromInterpreter,
} from '../../../../engine/worker/python-frames.ts';

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(body.length);
  head.writeUInt8(type, 4);
  return Buffer.concat([head, body]);
}

const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);

test('frames are put together whatever the pieces they come in', () => {
  const about = { executable: '/usr/bin/python3', version: '3.11.2' };
  const bytes = Buffer.concat([
    frame(1, Buffer.from(JSON.stringify(about))),
    frame(2, Buffer.from(JSON.stringify({ ...about, missing: ['dill'] }))),
    frame(3, words(7, 3)), frame(4, Buffer.concat([words(8, 1), Buffer.from('outcome')])),
  ]);
  const expected: FromInterpreter[] = [
    { type: 'ready', about }, { type: 'unusable', about, missing: ['dill'] },
    { type: 'done', chunk: 7, done: 3 },
    { type: 'large', chunk: 8, done: 1, outcome: new Uint8Array(Buffer.from('outcome')) },
  ];
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
    const reader = new FrameReader();
    const frames: FromInterpreter[] = [];
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const end = at + (sizes[i % sizes.length] ?? 1);
      frames.push(...reader.push(bytes.subarray(at, end)));
      at = end;
    }
    assert.deepEqual(frames, expected);
  }));
});

test('a frame of another kind is an error', () => {
  assert.throws(() => new FrameReader().push(frame(9, Buffer.alloc(0))), /unknown type 9/);
});

test('an order says how long each payload is, and what the task sees of its place', () => {
  const place = { environment: { PARSL_GPUS: '2' }, cores: [1, 2] };
  const payloads = [Buffer.from('one'), Buffer.from('three')];
  const order = encodeOrder({ chunk: 5, key: 2, room: 1000, place, payloads });
  const text = JSON.stringify(place);
  const body = Buffer.concat([words(5, 2, 1000, 2, text.length, 3, 5), Buffer.from(`${text}onethree`)]);
  assert.deepEqual(order, frame(2, body));
});

test('a definition carries what the interpreter needs of it, and what it may forget', () => {
  const definition = {
    form: 'python', name: 'f', code: '3\n01\n', resultSerializers: ['a.B'], allowedSerializers: [], directory: '/tmp',
    sandbox: true,
  } as const;
  const { form: _, name: __, ...rest } = definition;
  const bytes = encodeDefinition(3, definition, [1]);
  assert.equal(bytes.readUInt32LE(), bytes.length - 5);
  assert.deepEqual(JSON.parse(bytes.subarray(5).toString()), { key: 3, forget: [1], ...rest });
});
