import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ComputeError } from '../../../src/common/errors.ts';
import type { JsonObject } from '../../../src/common/json.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { neutralised, refuseReserved, sanitised, sanitisedIdentity, shellEscaped, isStructural }
  from '../../../src/endpoint/user-options.ts';

// A text stays one.
const written = (text: string): string => sanitised({ x: text })['x'] as string;

suite('values of users', () => {
  test('are texts in quotes, words of YAML, or what they are', () => {
    assert.deepEqual(sanitised({ a: 'x"y', b: 1, c: 1.5, d: true, e: null, f: ['z', null, { k: 'v' }] }), {
      a: '"x\\"y"', b: 1, c: 1.5, d: true, e: 'null', f: ['"z"', 'null', { k: '"v"' }],
    });
    assert.equal(written('\n\0\u007f\u0085\u2028é\u{1f600}'), '"\\n\\u0000\\u007f\\u0085\\u2028\\u00e9\\U0001F600"');
  });

  test('come out of YAML as they went in, on one line of ASCII, whatever they are', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const one = written(text);
      assert.match(one, /^"[\x20-\x7e]*"$/);
      assert.deepEqual(parseYaml(`a: ${one}\nb: [${one}, {c: ${one}}]\n`, 'x'), { a: text, b: [text, { c: text }] });
    }));
  });

  test('have no key that could become more than a key', () => {
    for (const key of ['a\n  b', 'a: b', '"', '', ' a', '- a', '{{ x }}', '#', '$(id)', 'a b', '\u2028', '<<', '*x']) {
      assert.throws(() => sanitised({ x: { y: [{ [key]: 1 }] } }), (error) => error instanceof ComputeError
        && error.message.includes('cannot be a key in x.y[0]') && error.details['kind'] === 'ValueError'
        && error.details['step'] === 77);
    }
    const keys = ['OMP_NUM_THREADS', 'gcc/12.2', 'user@host', '1', 'a-b', '__proto__', 'constructor'];
    const object = Object.fromEntries(keys.map((key) => [key, 1]));
    assert.deepEqual(Object.keys((sanitised({ x: object }) as { x: JsonObject }).x).sort(), keys.sort());
  });

  test('cannot have the names of what a template finds of ours', () => {
    for (const name of ['parent_config', 'user_runtime', 'mapped_identity', '_GC']) {
      assert.throws(() => refuseReserved({ a: 1, [name]: 1 }),
        { message: `'${name}' is a reserved word and cannot be passed in via user config` });
    }
    refuseReserved({ GC: 1 });
  });

  test('an account\'s plain fields stay plain, and the rest is quoted', () => {
    assert.deepEqual(sanitisedIdentity({
      local: { uname: 'alice', uid: 7, dir: '/home/alice', gecos: 'Alice"\n  evil: 1', groups: [1, 2] }, globus: null,
    }), {
      local: { uname: 'alice', uid: 7, dir: '/home/alice', gecos: '"Alice\\"\\n  evil: 1"', groups: [1, 2] },
      globus: 'null',
    });
  });
});

suite('shell_escape', () => {
  test('makes one word of a shell, and leaves it a text', () => {
    assert.equal(shellEscaped(written('plain-1.2')), '"plain-1.2"');
    assert.equal(shellEscaped(written('a b; $(id)')), '"\'a b; $(id)\'"');
    assert.equal(shellEscaped(written('')), '"\'\'"');
    assert.equal(shellEscaped(written('\u{1f600} \n')), '"\'\\U0001F600 \\n\'"');
    assert.equal(JSON.parse(shellEscaped(written("it's"))), "'it'\\''s'");
    assert.equal(shellEscaped(written('\\U0001F600')), '"\'\\\\U0001F600\'"');
  });

  test('refuses what no user has sent', () => {
    assert.throws(() => shellEscaped('no json'),
      { message: "shell_escape takes what a user has sent, and not 'no json'" });
  });
});

test('what could mean something to YAML is replaced, one for one, and only that', () => {
  assert.equal(neutralised('"a: [b] \\"c\\n - d"', () => false), '"ax xbx xxcxn x d"');
  for (const text of ['plain', 'a b/c.d_e+f@g', '01-02']) assert.equal(isStructural(written(text)), false, text);
  for (const text of ['a: b', '- a', ' a', 'a#', '"', "'", '{', '*a', '\n', 'a\tb']) {
    assert.equal(isStructural(written(text)), true, text);
  }
});
