import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import { systemClock } from '../../../src/common/clock.ts';
import { spawnUserEndpoint } from '../../../src/supervisor/spawn.ts';
import { isRunning } from '../../process/harness.ts';

const LAST_PID = '/proc/sys/kernel/ns_last_pid';

/** A process with this very number, which is free. */
async function processNumbered(pid: number): Promise<ChildProcess> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      writeFileSync(LAST_PID, String(pid - 1));
    } catch (cause) {
      throw new Error(`a test with a recycled process id needs to write ${LAST_PID}: run it as root`, { cause });
    }
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    if (child.pid === pid) return child;
    // Somebody else of this machine began a process in between.
    child.kill('SIGKILL');
    await new Promise((resolve) => { child.once('exit', resolve); });
  }
  throw new Error(`the number ${pid} was never given again`);
}

test('a process that got the number of a user endpoint that has ended is left alone', async () => {
  const launch = { file: '/bin/sh', args: ['-c', 'cat; echo up >&2'], environment: {}, shown: 'sh' };
  const ended = await spawnUserEndpoint(launch, Buffer.from('{"type":"up"}\n'), systemClock);
  assert.equal(await ended.started, undefined);
  await ended.ended;
  const other = await processNumbered(ended.pid);
  try {
    ended.terminate();
    ended.kill();
    await ended.vanished;
    assert.ok(isRunning(ended.pid));
    assert.equal(other.signalCode, null);
  } finally {
    other.kill('SIGKILL');
  }
});
