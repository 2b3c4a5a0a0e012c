import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { parser, withoutNulls } from '../../../src/common/schema.ts';

interface Sample {
  max_blocks: number;
  parallelism: number;
  strategy: 'none' | 'simple';
  label: string;
  range: [number, number];
  inner: { wait: number };
  gpus: number | string[];
}

const parse = parser<Sample>('engine', {
  type: 'object',
  required: [],
  properties: {
    max_blocks: { type: 'integer', minimum: 0, default: 1 },
    parallelism: { type: 'number', minimum: 0, maximum: 1, default: 1 },
    strategy: { type: 'string', enum: ['none', 'simple'], default: 'simple' },
    label: { type: 'string', pattern: '^[a-z]*$', description: 'small letters', default: '' },
    range: {
      type: 'array', items: [{ type: 'integer' }, { type: 'integer' }], minItems: 2, maxItems: 2, default: [1, 2],
      description: 'two numbers, the first and the last port',
    },
    inner: {
      type: 'object', required: [], properties: { wait: { type: 'number', default: 5 } },
      default: {} as { wait: number },
    },
    gpus: {
      anyOf: [{ type: 'integer', minimum: 0 }, { type: 'array', items: { type: 'string' } }],
      description: 'a number or a list of names', default: 0,
    },
  },
});

function problemOf(value: unknown): string {
  try {
    parse(value);
  } catch (error) {
    assert.ok(error instanceof ComputeError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message;
  }
  return 'no error';
}

test('missing keys get their defaults, inner ones too, and the caller\'s value stays as it was', () => {
  const given = Object.freeze({ label: 'a', inner: Object.freeze({}) });
  assert.deepEqual(parse(given), {
    label: 'a', max_blocks: 1, parallelism: 1, strategy: 'simple', range: [1, 2], inner: { wait: 5 }, gpus: 0,
  });
  assert.deepEqual(given, { label: 'a', inner: {} });
  assert.notEqual(parse({}).range, parse({}).range);
});

test('a text that can only be a number is taken for one', () => {
  const value = parse({ max_blocks: '2', parallelism: '0.5', range: ['1', 2], inner: { wait: '1e3' }, gpus: '4' });
  assert.deepEqual(value, {
    max_blocks: 2, parallelism: 0.5, range: [1, 2], inner: { wait: 1000 }, gpus: 4, strategy: 'simple', label: '',
  });
  for (const text of ['', ' 2', '017', '0x10', 'two', '2.5']) {
    assert.match(problemOf({ max_blocks: text }), /^engine\.max_blocks: expected a whole number, found /);
  }
});

const problems: readonly (readonly [unknown, string])[] = [
  [{ max_block: 1 }, 'engine: unknown key max_block; did you mean max_blocks?'],
  [{ inner: { wiat: 1 } }, 'engine.inner: unknown key wiat; did you mean wait?'],
  [{ zebra: 1 }, 'engine: unknown key zebra'],
  [{ max_blocks: true }, 'engine.max_blocks: expected a whole number, found true'],
  [{ max_blocks: null }, 'engine.max_blocks: expected a whole number, found nothing'],
  [{ label: 15 }, 'engine.label: expected small letters, found 15'],
  [{ strategy: 'simpel' }, 'engine.strategy: "simpel" is not one of none, simple; did you mean simple?'],
  [{ range: [1] }, 'engine.range: expected two numbers, the first and the last port, found a list of 1'],
  [{ range: [1, 'x'] }, 'engine.range[1]: expected a whole number, found "x"'],
  [{ max_blocks: -1 }, 'engine.max_blocks: must be >= 0, found -1'],
  [{ gpus: {} }, 'engine.gpus: expected a number or a list of names, found a mapping'],
  [{ gpus: ['a', 1] }, 'engine.gpus[1]: expected text, found 1; put it in quotes to make it text'],
  [[], 'engine: expected a mapping, found a list of 0'],
  ['x'.repeat(100), `engine: expected a mapping, found "${'x'.repeat(56)}…"`],
];
for (const [value, message] of problems) {
  test(`an error names the key and what to do: ${message}`, () => assert.equal(problemOf(value), message));
}

test('every problem has its own line', () => {
  assert.equal(problemOf({ max_block: 1, parallelism: 2 }).split('\n').length, 2);
});

test('an empty key means its default', () => {
  assert.deepEqual(withoutNulls({ a: null, b: { c: null, d: [null, { e: null }] } }), { b: { d: [null, {}] } });
});

test('the validator is not loaded before something is parsed', () => {
  const script = `
    const { createRequire } = await import('node:module');
    const { parser } = await import(${JSON.stringify(new URL('../../../src/common/schema.js', import.meta.url).href)});
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('/ajv/'));
    const parse = parser('text', { type: 'string' });
    const before = loaded();
    parse('x');
    console.log(before, loaded());`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(out.trim(), 'false true');
});
