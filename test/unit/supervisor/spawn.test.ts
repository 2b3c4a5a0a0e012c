import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import { systemClock } from '../../../src/common/clock.ts';
import type { Launch } from '../../../src/supervisor/launch.ts';
import { spawnUserEndpoint } from '../../../src/supervisor/spawn.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { isRunning, pause, until } from '../../process/harness.ts';

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

function launch(script: string): Launch {
  return { file: '/bin/sh', args: ['-c', script], environment: { PATH: '/usr/bin:/bin' }, shown: 'sh' };
}

test('a process that got the number of a user endpoint that has ended is left alone', async () => {
  const ended = await spawnUserEndpoint(launch('cat'), Buffer.from('{"type":"up"}\n'), systemClock);
  assert.equal(await ended.started, undefined);
  await ended.ended;
  const other = await processNumbered(ended.pid);
  try {
    ended.terminate();
    ended.kill();
    await ended.vanished;
    await pause(100);
    assert.ok(isRunning(ended.pid));
    assert.equal(other.signalCode, null);
  } finally {
    other.kill('SIGKILL');
  }
});

test('one that is not up in time is given up, and ended', async () => {
  const clock = new FakeClock();
  const late = await spawnUserEndpoint(launch('sleep 1000 & wait'), Buffer.from(''), clock);
  await clock.advance(10 * 60_000);
  assert.deepEqual(await late.started, {
    step: 124, error: 'TimeoutError', message: 'the user endpoint was not up within 10 minutes',
  });
  assert.equal((await late.ended).signal, 'SIGTERM');
  late.kill();
  await until('the end of its group', () => !groupIsThere(late.pid));
});

test('one that never stops talking is given up, and ended', async () => {
  for (const script of ['exec yes', 'exec yes >&2', 'exec cat /dev/zero']) {
    const flooding = await spawnUserEndpoint(launch(script), Buffer.from(''), systemClock);
    assert.deepEqual(await flooding.started, {
      step: 124, error: 'TimeoutError', message: 'the user endpoint wrote more than 1048576 bytes before it was up',
    });
    await flooding.ended;
  }
});

function groupIsThere(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch {
    return false;
  }
}
