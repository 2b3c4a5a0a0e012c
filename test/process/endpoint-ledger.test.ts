// A disk that takes no more, as the kernel says it: a limit on the size of this process's files.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import test from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import { exec } from '../../src/common/exec.ts';
import { silentLog } from '../../src/common/log.ts';
import { Ledger } from '../../src/endpoint/ledger.ts';
import { scratch } from '../fakes/scratch.ts';
import { pause, within } from './harness.ts';

const deps = { log: silentLog, clock: systemClock };

async function limitFiles(bytes: string): Promise<void> {
  const { code, stderr } = await exec(['prlimit', '--pid', String(process.pid), `--fsize=${bytes}:`], {
    timeoutMs: 10_000,
  });
  assert.equal(code, 0, stderr);
}

test('a ledger that cannot be written accepts nothing, loses nothing, and goes on when it can', async () => {
  await using files = await scratch();
  const ledger = await Ledger.open({ directory: files.path }, deps);
  const first = randomUUID();
  await ledger.accept([first], Buffer.from('first'));
  const { size } = await stat(files.at('ledger'));
  let accepted = false;
  const second = randomUUID();
  try {
    await limitFiles('4096');
    const accepting = ledger.accept([second], Buffer.alloc(10_000)).then(() => { accepted = true; });
    await pause(500);
    assert.equal(accepted, false, 'its message is not acknowledged');
    assert.equal((await stat(files.at('ledger'))).size, size, 'nothing half written is left');
    await limitFiles('unlimited');
    await within(20_000, 'the ledger to go on', accepting);
  } finally {
    await limitFiles('unlimited');
  }
  await ledger.close(10_000);
  const again = await Ledger.open({ directory: files.path }, deps);
  assert.ok(again.has(first) && again.has(second));
  assert.equal(again.unsettled, 2);
  await again.close(10_000);
});
