import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { ComputeError } from '../../../src/common/errors.ts';
import { Journal } from '../../../src/cli/journal.ts';
import type { RunIdentity } from '../../../src/cli/journal-record.ts';
import { scratch } from '../../fakes/scratch.ts';

const RUN: RunIdentity = { function: { module: '/a.mjs', export: 'f' }, inputs: { kind: 'count', count: 5 } };
const FILES_RUN: RunIdentity = { function: { module: '/a.mjs', export: 'f' }, inputs: { kind: 'files', named: ['d'] } };

function line(index: number, ok = true): string {
  return ok
    ? `{"index":${index},"input":${index},"ok":true,"value":"é\\n${index}"}`
    : `{"index":${index},"input":${index},"ok":false,"error":{"code":"TASK_RAISED","name":"Error","message":"no"}}`;
}

async function restored(journal: Journal): Promise<string[]> {
  const lines: string[] = [];
  await journal.restore(async (batch) => { lines.push(...batch); });
  return lines;
}

async function written(
  path: string, run: RunIdentity, lines: readonly string[], files?: readonly string[],
): Promise<Buffer> {
  const journal = await Journal.open(path, run);
  await journal.begin(files);
  for (const each of lines) await journal.append([each]);
  await journal.close();
  return readFile(path);
}

test('what was appended comes back after it was closed', async () => {
  await using dir = await scratch();
  await written(dir.at('j'), RUN, [line(3), line(0, false)]);
  const journal = await Journal.open(dir.at('j'), RUN);
  assert.equal(journal.resumed, true);
  assert.deepEqual(await restored(journal), [line(3), line(0, false)]);
  await journal.append([line(1), line(2)]);
  await journal.close();
  const again = await Journal.open(dir.at('j'), RUN);
  assert.deepEqual(await restored(again), [line(3), line(0, false), line(1), line(2)]);
  await again.close();
});

for (const [name, run, files] of [['a run', RUN, undefined], ['a run over files', FILES_RUN, ['/x', '/y']]] as const) {
  test(`cut off at any byte, the journal of ${name} keeps every whole record and takes new ones`, async () => {
    await using dir = await scratch();
    const lines = [line(0), line(1, false), line(2)];
    const whole = await written(dir.at('j'), run, lines, files);
    for (let size = 0; size <= whole.length; size += 1) {
      await writeFile(dir.at('j'), whole.subarray(0, size));
      const journal = await Journal.open(dir.at('j'), run);
      const newlines = whole.subarray(0, size).filter((byte) => byte === 0x0a).length;
      const front = files === undefined ? 1 : 3;
      assert.equal(journal.resumed, newlines >= front, `resumed after ${size} bytes`);
      const kept = lines.slice(0, Math.max(0, newlines - front));
      if (journal.resumed) {
        assert.deepEqual(journal.files, files);
        assert.deepEqual(await restored(journal), kept, `after ${size} bytes`);
        assert.equal(journal.damaged, 0);
      } else await journal.begin(files);
      await journal.append([line(7)]);
      await journal.close();
      const next = await Journal.open(dir.at('j'), run);
      assert.deepEqual(await restored(next), [...kept, line(7)], `appended after ${size} bytes`);
      await next.close();
    }
  });
}

test('a changed bit costs the record it is in and no other, or the journal is refused', async () => {
  await using dir = await scratch();
  const lines = [line(0), line(1), line(2), line(3)];
  const whole = await written(dir.at('j'), RUN, lines);
  const header = whole.indexOf(0x0a) + 1;
  for (let bit = header * 8; bit < whole.length * 8; bit += 1) {
    const changed = Buffer.from(whole);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await writeFile(dir.at('j'), changed);
    const journal = await Journal.open(dir.at('j'), RUN);
    const kept = await restored(journal);
    await journal.close();
    assert.ok(kept.every((each) => lines.includes(each)), `bit ${bit} made up a record`);
    // A changed newline joins two records.
    assert.ok(kept.length >= lines.length - 2, `bit ${bit} cost ${lines.length - kept.length} records`);
  }
});

test('rubbish behind the last record is cut off or passed over, and what follows is kept', async () => {
  await using dir = await scratch();
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (rubbish) => {
    await rm(dir.at('j'), { force: true });
    await written(dir.at('j'), RUN, [line(0)]);
    await appendFile(dir.at('j'), rubbish);
    const journal = await Journal.open(dir.at('j'), RUN);
    assert.deepEqual(await restored(journal), [line(0)]);
    await journal.append([line(1)]);
    await journal.close();
    const again = await Journal.open(dir.at('j'), RUN);
    assert.deepEqual(await restored(again), [line(0), line(1)]);
    await again.close();
  }), { numRuns: 50 });
});

test('a journal of another run is refused in words, and unchanged', async () => {
  await using dir = await scratch();
  const before = await written(dir.at('j'), RUN, [line(0)]);
  await assert.rejects(
    Journal.open(dir.at('j'), { ...RUN, inputs: { kind: 'count', count: 6 } }),
    (error) => error instanceof ComputeError && error.code === 'USAGE'
      && error.message.includes('belongs to another run: its inputs have count 5, not 6'),
  );
  assert.deepEqual(await readFile(dir.at('j')), before);
});

test('a file that is no journal is refused, and unchanged', async () => {
  await using dir = await scratch();
  for (const text of ['dear diary\n', 'dear diary', '\n', '{"journal":"switchyard run"}\n']) {
    await writeFile(dir.at('j'), text);
    await assert.rejects(Journal.open(dir.at('j'), RUN), /is not a journal of switchyard run/);
    assert.equal(await readFile(dir.at('j'), 'utf8'), text);
  }
});

test('an empty file becomes a journal', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('j'), '');
  const journal = await Journal.open(dir.at('j'), RUN);
  assert.equal(journal.resumed, false);
  await journal.begin(undefined);
  await journal.close();
  const again = await Journal.open(dir.at('j'), RUN);
  assert.equal(again.resumed, true);
  await again.close();
});

test('failed tasks can be forgotten', async () => {
  await using dir = await scratch();
  await written(dir.at('j'), FILES_RUN, [line(0), line(1, false), line(2)], ['/x', '/y', '/z']);
  const journal = await Journal.open(dir.at('j'), FILES_RUN);
  await journal.forgetFailed();
  assert.deepEqual(await restored(journal), [line(0), line(2)]);
  await journal.append([line(1)]);
  await journal.close();
  const again = await Journal.open(dir.at('j'), FILES_RUN);
  assert.deepEqual(again.files, ['/x', '/y', '/z']);
  assert.deepEqual(await restored(again), [line(0), line(2), line(1)]);
  await again.close();
});

test('a journal that is in use is refused, and free once it is closed', async () => {
  await using dir = await scratch();
  const journal = await Journal.open(dir.at('j'), RUN);
  await assert.rejects(Journal.open(dir.at('j'), RUN), new RegExp(`process ${process.pid} uses this journal`));
  await journal.close();
  await (await Journal.open(dir.at('j'), RUN)).close();
});

test('the lock of a process that is gone is taken over, also when its id is in use again', async () => {
  await using dir = await scratch();
  for (const holder of [{ pid: 2 ** 22 + 1, started: '5' }, { pid: process.pid, started: '5' }]) {
    await writeFile(dir.at('j.lock'), JSON.stringify({ host: hostname(), ...holder }));
    const journal = await Journal.open(dir.at('j'), RUN);
    await assert.rejects(Journal.open(dir.at('j'), RUN), /uses this journal/);
    await journal.close();
  }
});

test('of many that find the same dead holder one gets the journal', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('j.lock'), JSON.stringify({ host: hostname(), pid: 2 ** 22 + 1, started: '5' }));
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => Journal.open(dir.at('j'), RUN)));
  const opened = tries.filter((each) => each.status === 'fulfilled');
  assert.equal(opened.length, 1);
  await opened[0]?.value.close();
});

test('the lock of another host is respected, with what to do', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('j.lock'), JSON.stringify({ host: 'login-elsewhere', pid: 7, started: '5' }));
  await assert.rejects(Journal.open(dir.at('j'), RUN), /process 7 on login-elsewhere .* remove .*j\.lock/);
});
