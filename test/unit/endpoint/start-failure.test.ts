import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { EXIT_IO_ERROR } from '../../../src/common/shutdown.ts';
import { startFailure, startFailureOf, STEPS } from '../../../src/endpoint/start-failure.ts';

test('a start that failed has a step, and a kind that users of Python know', () => {
  assert.deepEqual(startFailureOf(startFailure(STEPS.render, 'UndefinedError', "'X' is undefined"), 1),
    { step: 77, kind: 'UndefinedError', code: 'CONFIG_INVALID', message: "'X' is undefined" });
  assert.equal(startFailureOf(startFailure(STEPS.log, 'OSError', 'no space'), 1).code, 'STORAGE_FAILED');
  assert.deepEqual(startFailureOf(new ComputeError('BROKER_UNREACHABLE', 'no answer'), 69),
    { step: 69, kind: 'ConnectionError', code: 'BROKER_UNREACHABLE', message: 'no answer' });
  const full = startFailureOf(new ComputeError('STORAGE_FAILED', 'no space'), EXIT_IO_ERROR);
  assert.deepEqual([full.step, full.kind], [83, 'OSError'], 'no words about privileges for a disk that is full');
  assert.equal(startFailureOf(new ComputeError('START_FAILED', 'it did not'), 78).kind, 'RuntimeError');
});
