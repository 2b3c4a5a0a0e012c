import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { readConfig } from '../../../../engine/manager/config-file.ts';
import { FakeClock } from '../../../fakes/clock.ts';
import { scratch } from '../../../fakes/scratch.ts';

/** A clock on which nobody waits: each sleep runs `onSleep` and lets its time pass. */
class EagerClock extends FakeClock {
  readonly #onSleep: () => Promise<void>;

  constructor(onSleep: () => Promise<void>) {
    super();
    this.#onSleep = onSleep;
  }

  override async sleep(ms: number): Promise<void> {
    await this.#onSleep();
    await this.advance(ms);
  }
}

test('a manager waits until its file is a whole line', async () => {
  await using folder = await scratch();
  const path = folder.at('manager.json');
  const line = `${JSON.stringify({ block: '0', port: 54_000 })}\n`;
  const steps = ['', line.slice(0, 8), line.slice(0, -1), line];
  await writeFile(path, '');
  let sleeps = 0;
  const config = await readConfig(path, new EagerClock(() => writeFile(path, steps[sleeps++] ?? '')));
  assert.deepEqual([config, sleeps], [{ block: '0', port: 54_000 }, steps.length]);
});

test('a file that nobody completes is named, in time for its client\'s loss', async () => {
  await using folder = await scratch();
  const path = folder.at('manager.json');
  await writeFile(path, '');
  const clock = new EagerClock(async () => { /* nobody writes */ });
  const start = clock.now();
  await assert.rejects(readConfig(path, clock), {
    code: 'START_FAILED', message: `${path} was not completed within 10 s: the engine's interchange did not start`,
  });
  assert.ok(clock.now() - start < 11_000);
});

test('the file of a block that is over is not waited for', async () => {
  await using folder = await scratch();
  await assert.rejects(readConfig(folder.at('manager.json'), new FakeClock()), { code: 'ENOENT' });
});
