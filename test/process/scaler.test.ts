// The scaler over blocks that are real processes of this machine.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import type { ComputeError } from '../../src/common/errors.ts';
import { silentLog } from '../../src/common/log.ts';
import type { BlockId, Load, ManagerId } from '../../src/common/protocol.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { Scaler } from '../../engine/blocks/scaler.ts';
import { buildProvider, parseProvider } from '../../providers/index.ts';
import { isRunning, until } from '../contract/provider.ts';
import { FakeNotes } from '../fakes/notes.ts';

async function withScaler(
  script: string, load: Load, use: (scaler: Scaler, failures: ComputeError[]) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'scaler-'));
  const failures: ComputeError[] = [];
  const scaler = new Scaler({
    provider: buildProvider(parseProvider({}), { directory, clock: systemClock }),
    clock: systemClock, log: silentLog, random: () => 1,
    prepare: async (block) => {
      return { name: `block-${block}`, command: quoteAll(['bash', '-c', script]), folder: join(directory, block) };
    },
    load: () => load,
    drain: () => undefined,
    onEnds: () => undefined,
    notes: new FakeNotes(),
    inherited: [],
    onFailed: (error) => failures.push(error),
    workersPerNode: () => 1,
    runMs: () => undefined,
  }, { strategy: 'simple', max_idletime: 120, strategy_period: 600, block_error_handler: true });
  try {
    await scaler.start();
    await use(scaler, failures);
  } finally {
    await scaler.close();
    await rm(directory, { recursive: true });
  }
}

const none: Load = { waiting: 0, held: 0, managers: [], connectedBlocks: [] };

test('a block that dies is noticed without a tick, and its stderr reaches whoever waits', () =>
  withScaler('echo "no such module: node/20" >&2; exit 127', { ...none, waiting: 1 }, async (scaler, failures) => {
    const error = await until('the verdict', () => failures[0]);
    assert.equal(error.code, 'BLOCKS_FAILED');
    assert.match(error.message, /block 0 \(job \d+-\d+\) ended: exit code 127; its files are in /);
    assert.match(error.message, /\nno such module: node\/20$/);
    assert.deepEqual(scaler.status().map(({ state, exitCode }) => [state, exitCode]), [['failed', 127]]);
  }));

test('a block whose manager is killed is replaced without a tick', () => {
  const block = '0' as BlockId;
  const load: Load = {
    waiting: 1, held: 1, connectedBlocks: [block],
    managers: [{ manager: 'm' as ManagerId, block, node: 'n', pid: 1, slots: 1, held: 1, draining: false }],
  };
  return withScaler('exec sleep 68', load, async (scaler) => {
    scaler.poke();
    await until('a connected block', () => scaler.status().find(({ state }) => state === 'running'));
    const [first] = scaler.status();
    process.kill(-Number(first?.job?.split('-')[0]), 'SIGKILL');
    const second = await until('a second block', () =>
      scaler.status().find((one) => one.block === '1' && one.job !== undefined));
    assert.equal(scaler.status()[0]?.state, 'failed');
    assert.ok(await isRunning(Number(second.job?.split('-')[0])));
  });
});

test('close ends the blocks and leaves no process', async () => {
  let pid = 0;
  await withScaler('exec sleep 69', none, async (scaler) => {
    pid = Number(scaler.status()[0]?.job?.split('-')[0]);
    assert.ok(await isRunning(pid));
  });
  assert.equal(await isRunning(pid), false);
});
