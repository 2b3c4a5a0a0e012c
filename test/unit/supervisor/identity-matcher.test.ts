// Against another matcher, over random patterns: JavaScript's own, where it means the same. Its groups forget what they
// captured when they are repeated, and are never optional and empty, so only characters have signs here; the field's
// library is asked about the rest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matcherOf, matchWhole } from '../../../src/supervisor/identity-matcher.ts';
import { literalPattern, parsePattern, PatternError } from '../../../src/supervisor/identity-pattern.ts';

const STEPS = 1_000_000;
const texts = fc.string({ unit: fc.constantFrom('a', 'b', '.', '+', '😀'), maxLength: 10 });

/** The pattern, and what JavaScript calls the same. */
interface Both {
  readonly ours: string;
  readonly theirs: string;
}

const same = (text: string): Both => ({ ours: text, theirs: text });
const joined = (parts: readonly Both[], by = ''): Both => ({
  ours: parts.map(({ ours }) => ours).join(by), theirs: parts.map(({ theirs }) => theirs).join(by),
});
const around = (open: string, { ours, theirs }: Both, close: string): Both =>
  ({ ours: open + ours + close, theirs: open + theirs + close });

const character = fc.constantFrom(
  same('a'), same('b'), same('.'), same('\\.'), same('😀'), { ours: '+', theirs: '\\+' },
);
const { pattern } = fc.letrec<{ pattern: Both; part: Both; group: Both }>((tie) => ({
  pattern: fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => joined(parts)),
  part: fc.oneof({ maxDepth: 3 },
    character, fc.tuple(character, fc.constantFrom('*', '?')).map(([one, sign]) => around('', one, sign)),
    tie('group')),
  group: fc.tuple(fc.array(tie('pattern'), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([branches, captured]) => around(captured ? '(' : '(?:', joined(branches, '|'), ')')),
}));

test('a pattern matches what it matches elsewhere, and captures the same', () => {
  fc.assert(fc.property(pattern, texts, ({ ours, theirs }, text) => {
    const expected = new RegExp(`^(?:${theirs})$`, 'u').exec(text);
    const found = matchWhole(matcherOf(parsePattern(ours), false), text, { steps: STEPS });
    assert.deepEqual(found, expected === null ? undefined : expected.slice(1));
  }), { numRuns: 2_000 });
});

const anything = fc.string({ unit: 'grapheme', maxLength: 20 });

test('a literal text matches itself and nothing else', () => {
  fc.assert(fc.property(anything, anything, (text, other) => {
    const matcher = matcherOf(literalPattern(text), false);
    assert.deepEqual(matchWhole(matcher, text, { steps: STEPS }), []);
    assert.equal(matchWhole(matcher, other, { steps: STEPS }) !== undefined, text === other);
  }));
});

test('whatever is taken for a pattern is one, or is refused with a sentence', () => {
  const unit = fc.constantFrom('a', '.', '?', '*', '|', '(', ')', '\\', '1', '0', ':', '^', '$', '[');
  fc.assert(fc.property(fc.string({ unit, maxLength: 20 }), texts, (text, name) => {
    try {
      matchWhole(matcherOf(parsePattern(text), true), name, { steps: STEPS });
    } catch (error) {
      assert.ok(error instanceof PatternError && error.message.startsWith(`${text} - `), String(error));
    }
  }), { numRuns: 2_000 });
});
