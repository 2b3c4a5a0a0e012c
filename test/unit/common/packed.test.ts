import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readBytes, readFunction, writeFailure, writeFunction, writeValue } from '../../../src/common/javascript.ts';
import { pack, readItem, unpack, writeItem } from '../../../src/common/packed.ts';
import { decodePayload, encodePayload } from '../../../src/common/payload.ts';

test('items come back as they went, whatever characters they have', () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' })), (items) => {
    assert.deepEqual(unpack(pack(...items)), items);
  }));
});

test('lengths count characters as Python does', () => {
  assert.equal(pack('00\nab', '😀'), '5\n00\nab1\n😀');
  assert.deepEqual(unpack('5\n00\nab1\n😀'), ['00\nab', '😀']);
});

test('what is cut short or no packed buffer is refused, and says which item', () => {
  const whole = pack('00\nabc', '11\n[]');
  for (let length = 1; length < whole.length; length++) {
    if (length === pack('00\nabc').length) continue;
    assert.throws(() => unpack(whole.slice(0, length)), { code: 'BAD_MESSAGE' }, String(length));
  }
  for (const bad of ['x', '-1\n', '1e3\na', '99999999999\n', '2\n😀', ' 1\na']) {
    assert.throws(() => unpack(bad), /item 1 of a packed buffer/, bad);
  }
});

test('an item has a tag of two characters', () => {
  assert.deepEqual(readItem(writeItem('11', '{}')), { tag: '11', body: '{}' });
  assert.deepEqual([readItem('Traceback (most recent call last)'), readItem(''), readItem('1\nx')],
    [undefined, undefined, undefined]);
});

test('functions of every form come back as they went, in ASCII', () => {
  const definitions = [
    { form: 'source', name: 'f', source: '() => "😀\u2028\u00e4\\n"' },
    { form: 'module', name: 'run', module: 'file:///t.js', exportName: 'run' },
    { form: 'command', name: 'ls', command: 'ls {}', cwd: '', outputBytesMax: 9 },
    { form: 'command', name: 'ls', command: 'ls {}', cwd: '/tmp', outputBytesMax: 9 },
  ] as const;
  for (const definition of definitions) {
    const item = writeFunction(definition);
    assert.match(item, /^js\n[\x20-\x7e]*$/);
    assert.deepEqual(readFunction(item), definition);
  }
});

test('what is no function of ours is none', () => {
  for (const item of ['js\n', 'js\nnull', 'js\n[]', 'js\n{"name":"f"}', 'js\n{"source":"1"}', '01\ngASV', 'x',
    'js\n{"name":"f","command":"ls"}', 'js\n{"name":1,"source":"x"}']) {
    assert.equal(readFunction(item), undefined, item);
  }
});

test('values and the binaries beside them come back', () => {
  const large = [new Uint8Array(70_000).fill(1), new Uint8Array(80_000).fill(2)];
  const value = { small: 1, large, when: new Date(1) };
  for (const item of [writeValue(encodePayload(value)), writeFailure(encodePayload(value))]) {
    const { bytes, buffers } = readBytes(readItem(item)?.body ?? '');
    assert.deepEqual([decodePayload(bytes, buffers), buffers.length], [value, 2]);
  }
});
