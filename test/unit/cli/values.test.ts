import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toJson } from '../../../src/cli/json-value.ts';
import { commandOutcome, errorOf, resultLine } from '../../../src/cli/results.ts';

test('what JSON can carry is carried as it is', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assert.equal(toJson(value), JSON.stringify(value));
  }));
});

test('what JSON has no word for gets a tag', () => {
  const inside: { self?: unknown } = {};
  inside.self = inside;
  const cases: [unknown, unknown][] = [
    [12n, { $bigint: '12' }],
    [NaN, { $number: 'NaN' }],
    [-Infinity, { $number: '-Infinity' }],
    [undefined, null],
    [[undefined, 1], [null, 1]],
    [{ a: undefined, b: 1 }, { b: 1 }],
    [new Map<unknown, unknown>([['a', new Set([1n])]]), { $map: [['a', { $set: [{ $bigint: '1' }] }]] }],
    [new Uint8Array([1, 2, 3]), { $base64: 'AQID' }],
    [new Uint8Array([0, 1, 2, 3]).buffer, { $base64: 'AAECAw==' }],
    [new BigInt64Array([5n]), { $BigInt64Array: [{ $bigint: '5' }] }],
    [new Float64Array([1.5, NaN]), { $Float64Array: [1.5, { $number: 'NaN' }] }],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(NaN), { $date: 'invalid' }],
    [/a/g, { $regexp: '/a/g' }],
    [Object.assign(new TypeError('no'), { code: 'X' }), { $error: { name: 'TypeError', message: 'no', code: 'X' } }],
    [inside, { self: { $circular: true } }],
    [Symbol('s'), { $symbol: 's' }],
  ];
  for (const [value, expected] of cases) assert.deepEqual(JSON.parse(toJson(value)), expected);
});

test('no value is too odd for one line of JSON', () => {
  const odd = fc.anything({
    withBigInt: true, withMap: true, withSet: true, withTypedArray: true, withDate: true, withSparseArray: true,
    withNullPrototype: true,
  });
  fc.assert(fc.property(odd, (value) => {
    const text = toJson(value);
    assert.equal(text.includes('\n'), false);
    JSON.parse(text);
  }));
});

test('a value that is too deep is said to be', () => {
  let deep: unknown = 0;
  for (let i = 0; i < 50_000; i += 1) deep = [deep];
  assert.match(toJson(deep), /^\{"\$unwritable":/);
});

test('a result line holds index, input, outcome and where it ran', () => {
  const result = { index: 4, input: 'x', attempts: 1, ms: 1.23456, node: 'n1' };
  assert.deepEqual(
    JSON.parse(resultLine({ ...result, outcome: { ok: true, value: [1] } }, '"x"')),
    { index: 4, input: 'x', ok: true, value: [1], ms: 1.235, node: 'n1' },
  );
  const error = { code: 'WORKER_LOST', name: 'ComputeError', message: 'gone' } as const;
  const lost = { ...result, attempts: 3, ms: undefined, node: undefined, outcome: { ok: false, error } } as const;
  assert.deepEqual(JSON.parse(resultLine(lost, '"x"')), { index: 4, input: 'x', ok: false, error, attempts: 3 });
});

test('a command is ok when it exits with 0, and else its error holds what it printed', () => {
  const value = { exitCode: 0, signal: null, stdout: 'a', stderr: '', truncated: false };
  assert.deepEqual(commandOutcome(value), { ok: true, value });
  assert.deepEqual(commandOutcome({ ...value, exitCode: 3, stderr: 'b' }), { ok: false, error: {
    code: 'COMMAND_FAILED', name: 'CommandFailed', message: 'the command exited with 3',
    exitCode: 3, signal: null, stdout: 'a', stderr: 'b', truncated: false,
  } });
  const killed = commandOutcome({ ...value, exitCode: null, signal: 'SIGSEGV' });
  assert.equal(killed.ok ? '' : killed.error.message, 'the command was ended by SIGSEGV');
});

test('an error that the function threw keeps its own name, message and fields', () => {
  const cause = Object.assign(new RangeError('too far'), { errno: 5, code: 'EFAR' });
  const error = errorOf(cause);
  assert.equal(error.code, 'TASK_RAISED');
  assert.equal(error.name, 'RangeError');
  assert.equal(error.message, 'too far');
  assert.equal(error['errno'], 5);
});
