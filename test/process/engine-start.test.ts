// The first blocks are asked for while the interchange starts. Here it starts only after they have been asked for: an
// engine that waited for it would wait for ever.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { engineOf, failure, task, withSite } from './harness.ts';

const HOLD = new URL('../fixtures/held-interchange.js', import.meta.url).href;

/** Variables that this process's children get, until the end of `use`. */
async function withEnvironment(variables: Readonly<Record<string, string>>, use: () => Promise<void>): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    await use();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

function heldUntil(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${HOLD}`, SWITCHYARD_TEST_HELD_UNTIL: file };
}

test('a block starts before the interchange, and its manager waits for it', async () => {
  await using folder = await scratch();
  for (const init_blocks of [1, 0]) {
    const started = folder.at(`started-${init_blocks}`);
    await withEnvironment(heldUntil(started), () =>
      withSite(engineOf({}, { init_blocks, worker_init: `touch '${started}'` }), async ({ executor }) => {
        assert.equal(await executor.submit(task('add'), 1, 2), 3);
      }));
  }
});

test('every task hears of a block that was refused before the interchange was there', async () => {
  await using folder = await scratch();
  const asked = folder.at('asked');
  const answer = `#!/bin/sh\ntouch '${asked}'\necho 'sbatch: error: no such partition' >&2\nexit 1\n`;
  await writeFile(folder.at('sbatch'), answer, { mode: 0o755 });
  const PATH = `${folder.path}${delimiter}${process.env['PATH'] ?? ''}`;
  const engine = { ...engineOf(), provider: { type: 'SlurmProvider', init_blocks: 1, max_blocks: 1 } };
  await withEnvironment({ ...heldUntil(asked), PATH }, () => withSite(engine, async ({ executor }) => {
    const futures = [1, 2, 3].map((n) => executor.submit(task('add'), n, n));
    for (const future of futures) assert.match((await failure('BLOCKS_FAILED', future)).message, /no such partition/);
  }));
});
