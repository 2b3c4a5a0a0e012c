import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { countedInputs, lineInputs, listedInputs, type Inputs } from '../../../src/cli/inputs.ts';
import { linesOf } from '../../../src/cli/lines.ts';
import { scratch } from '../../fakes/scratch.ts';

const JSON_LINES = { type: 'json' } as const;

async function all(inputs: Inputs, signal = new AbortController().signal): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const batch of inputs.batches(signal)) values.push(...batch);
  return values;
}

test('a count is the numbers below it', async () => {
  for (const count of [1, 999, 1000, 1001, 2500]) {
    assert.deepEqual(await all(countedInputs(count)), Array.from({ length: count }, (_, index) => index));
  }
});

test('a list comes in its order', async () => {
  const values = Array.from({ length: 1500 }, (_, index) => `f${index}`);
  assert.deepEqual(await all(listedInputs({ kind: 'files' }, values)), values);
});

test('lines are the same however the bytes come', async () => {
  const options = { name: 'x', separator: '\n', lengthMax: 1000 } as const;
  await fc.assert(fc.asyncProperty(
    fc.string({ unit: fc.constantFrom('a', '\n', 'é', '😀', '\r') }), fc.array(fc.nat(5), { minLength: 1 }),
    async (text, cuts) => {
      const bytes = Buffer.from(text);
      const chunks: Buffer[] = [];
      for (let from = 0, i = 0; from < bytes.length; i += 1) {
        const size = 1 + (cuts[i % cuts.length] ?? 0);
        chunks.push(bytes.subarray(from, from + size));
        from += size;
      }
      const lines = [];
      for await (const batch of linesOf(Readable.from(chunks), options)) lines.push(...batch);
      const expected = text.split('\n');
      const last = expected.pop() ?? '';
      assert.deepEqual(lines.map((line) => line.text), last === '' ? expected : [...expected, last]);
      assert.deepEqual(lines.map((line) => line.number), lines.map((_, at) => at + 1));
      assert.equal(lines.at(-1)?.ended ?? true, last === '');
    },
  ));
});

test('a file of JSON lines is counted and digested before it is run; empty lines are none', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('i.jsonl'), '\uFEFF1\n\n"two"\r\n\r\n[3,{"a":null}]');
  const inputs = await lineInputs(dir.at('i.jsonl'), JSON_LINES, process.stdin);
  assert.equal(inputs.total, 3);
  assert.deepEqual(await all(inputs), [1, 'two', [3, { a: null }]]);
  assert.equal(inputs.identity['values'], 3);
  await writeFile(dir.at('i.jsonl'), '1\n2\n3\n');
  const other = await lineInputs(dir.at('i.jsonl'), JSON_LINES, process.stdin);
  assert.notEqual(other.identity['sha256'], inputs.identity['sha256']);
});

test('a mistake in a file is found before anything runs, with its line', async () => {
  await using dir = await scratch();
  await writeFile(dir.at('i.jsonl'), '1\n\n{"a":\n');
  const path = dir.at('i.jsonl');
  const words = new RegExp(`line 3 of ${path} is not JSON: \\{"a":`);
  await assert.rejects(lineInputs(path, JSON_LINES, process.stdin), words);
  await assert.rejects(lineInputs(dir.at('none'), JSON_LINES, process.stdin), /cannot read .*none: no such file/);
  await assert.rejects(lineInputs(dir.path, JSON_LINES, process.stdin), /it is a directory/);
});

test('paths in a list are made absolute', async () => {
  const of = (text: string, separator: '\n' | '\0') =>
    lineInputs('-', { type: 'paths', separator, cwd: '/base' }, Readable.from([Buffer.from(text)]));
  assert.deepEqual(await all(await of('a\n/b/c\r\n\n../d e', '\n')), ['/base/a', '/b/c', '/d e']);
  assert.deepEqual(await all(await of('a\nb\0c\0', '\0')), ['/base/a\nb', '/base/c']);
});

test('standard input that says nothing more ends when the run is stopped', async () => {
  const stdin = new PassThrough();
  const inputs = await lineInputs('-', JSON_LINES, stdin);
  assert.equal(inputs.total, null);
  stdin.write('1\n');
  const stop = new AbortController();
  const values: unknown[] = [];
  for await (const batch of inputs.batches(stop.signal)) {
    values.push(...batch);
    stop.abort();
  }
  assert.deepEqual(values, [1]);
});
