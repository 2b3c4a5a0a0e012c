import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readPattern } from '../../../src/endpoint/python-pattern.ts';

function matches(pattern: string, text: string): boolean {
  const { source, flags } = readPattern(pattern);
  return new RegExp(source, flags).test(text);
}

suite('a pattern of Python\'s', () => {
  test('means the same', () => {
    const cases: readonly (readonly [pattern: string, taken: readonly string[], refused: readonly string[]])[] = [
      ['^a\\-b\\_c$', ['a-b_c'], ['a-bc']], ['\\Aab\\Z', ['ab'], ['ab\n', 'xab']], ['a{,2}$', ['', 'aa'], []],
      ['^x{y}$', ['x{y}'], ['xy']], ['^[]a]+$', [']a'], ['b']], ['^[^]a]+$', ['b'], [']']],
      ['^[\\w.-]+$', ['é.-1'], [' ']],
      ['(?P<n>a)(?P=n)', ['aa'], ['ab']], ['(?i)^ab$', ['AB'], ['ac']], ['^\\d+$', ['12', '٣'], ['a']],
      ['^[a-z[]+$', ['a['], ['A']], ['^(?:a|b)(?!c)', ['ad'], ['ac']], ['^\\U0001F600$', ['\u{1f600}'], ['x']],
      ['^\\W$', ['-'], ['é']], ['^\\.\\/$', ['./'], ['a/']],
    ];
    for (const [pattern, taken, refused] of cases) {
      for (const text of taken) assert.ok(matches(pattern, text), `${pattern} takes ${text}`);
      for (const text of refused) assert.ok(!matches(pattern, text), `${pattern} refuses ${text}`);
    }
  });

  test('ends where the text does, and not before a line break', () => {
    assert.equal(matches('^debug$', 'debug\n'), false);
  });

  test('is refused where JavaScript has no words for it', () => {
    for (const pattern of ['a++', 'a*+', '(?>a)', '[\\W]', '(?x)a', '(?(1)a|b)', '(?L)a']) {
      assert.throws(() => readPattern(pattern), SyntaxError, pattern);
    }
  });
});
