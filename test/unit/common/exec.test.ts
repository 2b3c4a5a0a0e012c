import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec } from '../../../src/common/exec.ts';

test('of a command that says much, so much is kept as was asked for', async () => {
  const { stdout, stderr, code } = await exec(['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo error >&2'], {
    timeoutMs: 10_000, outputBytesMax: 1_000,
  });
  assert.deepEqual([stdout, stderr, code], ['x'.repeat(1_000), 'error\n', 0]);
});

test('a command that is killed is not waited for when a child of another group holds its outputs', async () => {
  const started = performance.now();
  const hangs = exec(['sh', '-c', 'setsid sleep 5 & sleep 60'], { timeoutMs: 200 });
  await assert.rejects(hangs, { code: 'COMMAND_FAILED', message: 'sh did not end within 0.2 s' });
  assert.ok(performance.now() - started < 4_000, 'not for as long as the child lives');
});
