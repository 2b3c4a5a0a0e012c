import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { editYaml, parseYaml } from '../../../src/common/yaml.ts';

const read = (scalar: string): unknown => parseYaml(scalar, 'config.yaml');

// Each value is what PyYAML 6.0.3's safe_load gives; a date, which it makes an object, stays text.
const scalars: readonly (readonly [string, unknown])[] = [
  ['1:00:00', 3600], ['48:00:00', 172_800], ['00:30:00', '00:30:00'], ['-1:30', -90], ['1:30.5', 90.5],
  ['12:60', '12:60'],
  ['yes', true], ['on', true], ['True', true], ['No', false], ['y', 'y'], ['tRue', 'tRue'], ['"yes"', 'yes'],
  ['017', 15], ['-017', -15], ['018', '018'], ['0o17', '0o17'], ['0x1F', 31], ['0b101', 5], ['0', 0],
  ['1e3', '1e3'], ['1.0e3', '1.0e3'], ['1.0e+3', 1000], ['1_000', 1000], ['685_230.15', 685_230.15], ['1.', 1],
  ['.5', 0.5], ['+.5', '+.5'], ['.inf', Infinity], ['-.inf', -Infinity], ['.nan', Number.NaN],
  ['~', null], ['null', null], ['nUll', 'nUll'], ['', null], ['!!str 5', '5'], ['!!int "5"', 5],
  ['2026-01-01', '2026-01-01'],
];
for (const [text, value] of scalars) {
  test(`the scalar ${text} is read as PyYAML reads it`, () => assert.deepEqual(read(`key: ${text}`), { key: value }));
}

function problemOf(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof ComputeError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message;
  }
  return 'no error';
}

test('an empty text is null, merge keys merge, keys are texts', () => {
  assert.equal(read(''), null);
  assert.deepEqual(read('a: &a {x: 1}\nb: {<<: *a, y: 2}'), { a: { x: 1 }, b: { x: 1, y: 2 } });
  assert.deepEqual(read('1: one\nyes: two'), { 1: 'one', true: 'two' });
});

test('a key named __proto__ is an ordinary key', () => {
  const value = read('__proto__: {admin: true}');
  assert.deepEqual(Object.keys(value as object), ['__proto__']);
  assert.equal((value as { admin?: boolean }).admin, undefined);
});

test('an error is one line that starts with file, line and column', () => {
  assert.match(problemOf('a: 1\nb: [1, 2'), /^config\.yaml:2:\d+: [^\n]+$/);
  assert.match(problemOf('a: 1\na: 2'), /^config\.yaml:2:1: .*unique/);
  assert.match(problemOf('a: !!python/object:os.system x'), /^config\.yaml:1:4: .*tag/);
  assert.match(problemOf('a: *gone'), /^config\.yaml:1:4: there is no anchor &gone/);
  assert.match(problemOf('a: &a [*a]'), /^config\.yaml:1:8: \*a is inside what it stands for/);
  assert.match(problemOf('? [a]\n: 1'), /^config\.yaml:1:3: a list or mapping cannot be a key/);
  assert.match(problemOf('---\na: 1\n---\nb: 1'), /^config\.yaml:\d+:\d+: /);
});

test('aliases that multiply and endless nesting end in an error, not in memory', () => {
  const nine = (item: string): string => Array(9).fill(item).join(', ');
  const levels = Array.from({ length: 10 }, (_, i) => `a${i}: &a${i} [${nine(i === 0 ? 'x' : `*a${i - 1}`)}]`);
  assert.match(problemOf(levels.join('\n')), /aliases multiply/);
  assert.match(problemOf('['.repeat(50_000)), /^config\.yaml/);
  const plain = `a: &a [1]\n${Array.from({ length: 200 }, (_, i) => `b${i}: *a`).join('\n')}`;
  assert.equal(Object.keys(read(plain) as object).length, 201);
});

test('keys are set and left out, and everything else stays as its author wrote it', () => {
  const edit = (text: string, set: Readonly<Record<string, string | boolean>>, ...remove: string[]): string =>
    editYaml(text, 'config.yaml', remove, set);
  assert.equal(
    edit('# a\nb: 017 # c\n\nd:\n  - e # f\n# g\nh: |\n  i\n', { b: 'x' }, 'd'),
    '# a\nb: x # c\n\n# g\nh: |\n  i\n',
  );
  assert.equal(edit('', { a: true }), 'a: true\n');
  assert.equal(edit('# only\n', { a: 'b' }), '# only\na: b\n');
  assert.equal(edit('a: >\n  two\n  lines\nb: 1', { a: 'x: y', c: false }), 'a: "x: y"\nb: 1\nc: false\n');
  assert.equal(edit('a:\nb: 1\n', { a: 'true' }), 'a: "true"\nb: 1\n');
  assert.equal(edit('{a: 1, engine: {b: [yes]}}\n', { c: '/d/e' }, 'engine'), 'a: 1\nc: /d/e\n');
  for (const text of ['a: 1\n...\n', 'engine: &x {b: 1}\nother: *x\n']) {
    assert.throws(() => edit(text, { c: 'd' }, 'engine'), {
      code: 'CONFIG_INVALID', message: 'config.yaml: cannot set c in it as it is written: write them there by hand',
    });
  }
});
