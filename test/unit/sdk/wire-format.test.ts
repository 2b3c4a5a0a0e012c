import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFailure, writeFunction, writeValue } from '../../../src/common/javascript.ts';
import { pack, unpack } from '../../../src/common/packed.ts';
import { encodeFailure, encodePayload } from '../../../src/common/payload.ts';
import {
  languageOf, readFailure, readOutcome, readValue, writeArguments, type Language,
} from '../../../src/sdk/wire-format.ts';

const args = (language: Language, ...values: unknown[]): string => writeArguments(language, encodePayload(values));

test('a function says its language by its tag', () => {
  assert.equal(languageOf(pack(writeFunction({ form: 'source', name: 'f', source: '() => 1' }))), 'javascript');
  for (const item of ['01\ngASV', 'st\nf:def f(): pass', '12\n']) assert.equal(languageOf(pack(item)), 'python');
});

test('Python gets its arguments as JSON, whole numbers of any size and no names', () => {
  assert.deepEqual(unpack(args('python', 1, 'ä😀', [true, null], { a: 2n ** 70n, none: undefined })),
    ['11\n[1,"ä😀",[true,null],{"a":1180591620717411303424}]', '11\n{}']);
});

test('what JSON does not have is refused with its place', () => {
  const cases: [unknown, RegExp][] = [
    [new Date(0), /args\[0\] cannot be sent to a Python function: it is a Date/], [[1, NaN], /args\[0\]\[1\].*NaN/],
    [{ a: { b: new Map() } }, /args\[0\]\.a\.b.*a Map/], [undefined, /args\[0\].*undefined/],
  ];
  for (const [value, expected] of cases) assert.throws(() => args('python', value), expected);
});

test('values of both languages are read', () => {
  assert.deepEqual(readValue(writeValue(encodePayload({ a: new Set([1]) }))), { a: new Set([1]) });
  assert.deepEqual(readValue('11\n{"a": [1795224080706055542, 1.5]}'), { a: [1795224080706055542n, 1.5] });
  assert.equal(readValue(`13\n${pack('11\n7', '00\ngARLBy4=\n')}`), 7, 'of several forms, the one that can be');
});

test('a pickle is refused with the way out', () => {
  for (const data of ['00\ngARLBy4=\n', `13\n${pack('00\ngARLBy4=\n')}`, 'no item at all', '']) {
    assert.throws(() => readValue(data), /only Python can read it.*return what JSON can say/, data);
  }
  assert.throws(() => readValue('11\n{'), { code: 'BAD_MESSAGE' });
});

test('an exception of JavaScript is itself again, one of Python has the remote traceback', () => {
  const raised = writeFailure(encodePayload(encodeFailure(new RangeError('too far'), 'TASK_RAISED')));
  const outcome = readOutcome({ state: 'failed', data: raised, completedAtMs: 0, details: {} });
  assert.ok(outcome.status === 'failed' && outcome.error instanceof RangeError);
  const traceback = 'Traceback (most recent call last):\n  File "x.py", line 1\nZeroDivisionError: division by zero\n';
  const error = { code: 'RemoteExecutionError', userMessage: 'An error occurred' };
  for (const one of [readFailure(traceback, error, 'python'), readFailure(traceback, undefined, undefined)]) {
    assert.deepEqual([one.code, one.message], ['TASK_RAISED', `the task raised an exception:\n${traceback}`]);
  }
});

test('what an endpoint refuses is told from what a task raised', () => {
  const said = (data: string, code: string, language?: Language): string => {
    const { code: ours, message } = readFailure(data, { code, userMessage: '' }, language);
    return `${ours} ${message}`;
  };
  assert.match(said('Function f not permitted', 'FUNCTION_NOT_ALLOWED'), /^ENDPOINT_REFUSED Function f not permitted$/);
  assert.match(said('MaxResultSizeExceeded(2, 1)', 'MaxResultSizeExceeded'), /^RESULT_TOO_LARGE /);
  assert.match(said('Deserialization failed: Invalid header: js\n', 'RemoteExecutionError', 'javascript'),
    /^ENDPOINT_REFUSED the endpoint cannot run JavaScript, only Python/);
  assert.match(said('Deserialization failed', 'RemoteExecutionError', 'python'), /^TASK_RAISED /);
});
