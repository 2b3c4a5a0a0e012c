// What a killed process of an endpoint has left running, and the commands that end it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEngineConfig } from '../../engine/config.ts';
import { findRuns } from '../../engine/run-file.ts';
import { buildProvider } from '../../providers/index.ts';
import { endBlocksOf } from '../../src/cli/endpoint-blocks.ts';
import { systemClock, type Clock } from '../../src/common/clock.ts';
import { GONE, intended, leaveRun, owner, submitted } from '../fakes/left-run.ts';
import { switchyard } from './command.ts';
import { isRunning, withRun } from './harness.ts';

/** Its configuration, and the word that a process serves it which is no more. Returns where its runs are. */
async function killedEndpoint(home: string): Promise<string> {
  const folder = join(home, '.switchyard/endpoints/one');
  const runs = join(folder, 'runs');
  await mkdir(runs, { recursive: true });
  await writeFile(join(folder, 'config.yaml'), 'engine: {type: GlobusComputeEngine}\n');
  await writeFile(join(folder, 'daemon.pid'), JSON.stringify(GONE));
  return runs;
}

const onThisMachine = parseEngineConfig({ provider: { type: 'LocalProvider' } });

/** A run with a block that works still: its process. */
async function leaveBlock(runs: string): Promise<number> {
  const folder = join(runs, 'r1');
  await mkdir(folder, { recursive: true });
  const provider = buildProvider(onThisMachine.provider, { directory: folder, clock: systemClock });
  const job = await provider.submit({ name: 'b', command: 'sleep 600', folder });
  await leaveRun(runs, { name: 'r1', config: onThisMachine }, [owner(), { ...intended, folder }, submitted(job)]);
  return Number.parseInt(job.id, 10);
}

test('stop ends what the killed process has left and says how many; what had ended before does not count', () =>
  withRun(async (home) => {
    const runs = await killedEndpoint(home);
    const pid = await leaveBlock(runs);
    await leaveRun(runs, { name: 'r0', config: onThisMachine }, [owner(), intended, submitted({ id: '1-1' })]);
    const stop = async (): Promise<string> => {
      const { status, stdout, stderr } = await switchyard(['endpoint', 'stop', 'one'], { cwd: home });
      assert.deepEqual([status, stderr], [0, '']);
      return stdout;
    };
    assert.equal(await stop(), 'Endpoint one has been cleaned up: its process had ended without doing so\n'
      + 'Ended 1 block that a killed process had left\n');
    assert.ok(!isRunning(pid));
    assert.deepEqual((await findRuns(runs)).map(({ record }) => record.closed), [true, true]);
    assert.equal(await stop(), 'Endpoint one is not active.\n');
  }));

test('delete ends it as well, before its folder goes, which alone knows of it', () => withRun(async (home) => {
  const pid = await leaveBlock(await killedEndpoint(home));
  const { status, stderr } = await switchyard(['endpoint', 'delete', 'one', '--yes'], { cwd: home });
  assert.deepEqual([status, stderr, isRunning(pid)], [0, '', false]);
  assert.ok(!existsSync(join(home, '.switchyard/endpoints/one')));
}));

test('blocks that cannot be ended are counted, with the reason and what to do, and stay on record', () =>
  withRun(async (home) => {
    const runs = await killedEndpoint(home);
    await leaveRun(runs, { name: 'r1' }, [owner(), intended, submitted({ id: '17' })]);
    let laterMs = 0;
    const quick: Clock = {
      ...systemClock, now: () => systemClock.now() + laterMs, sleep: async () => { laterMs += 20_000; },
    };
    process.env['SLURM_CONF'] = '/dev/null';
    try {
      await assert.rejects(endBlocksOf({ name: 'one', path: join(runs, '..') }, quick), ({ message, details }) => {
        assert.match(message, new RegExp(
          '^Endpoint one does not run any more, but 1 block that it had left could not be ended within 60 s '
          + '\\(the scheduler could not be asked: .*\\)\\. Run switchyard endpoint stop one again; '
          + `switchyard blocks --run-directory ${runs} lists them$`,
        ));
        assert.deepEqual(details, { exitStatus: 69 });
        return true;
      });
    } finally {
      delete process.env['SLURM_CONF'];
    }
    const [run] = await findRuns(runs);
    assert.deepEqual([run?.record.closed, run?.record.blocks.map(({ ended }) => ended)], [false, [undefined]]);
  }));
