// Expression mappings against the field's own library: the same name, no name, or a refusal for the same rule and
// identity. Where we want another answer, it stands below with its reason.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { JsonObject } from '../../src/common/json.ts';
import { parseExpressions } from '../../src/supervisor/identity-expression.ts';
import { askOracle, completed, type Answer, type RuleCase } from './identity-oracle.ts';

const NAMES = [
  'alice@example.com', 'alice@exampleXcom', 'bob@example.org', 'ALICE@EXAMPLE.COM', 'a.b.c@dept.example.com', '',
  'alice', 'a+b@example.com', 'alicealice', 'aab', 'x$y', 'Straße@example.com', '😀@example.com',
];

/** Each with every name; the output shows what the groups captured. */
const PATTERNS: readonly (readonly [match: string, output: string])[] = [
  ['(.*)@example.com', '{0}'], ['(.*)@example\\.com', '{0}'], ['(.*)@(.*)\\.(.*)', '{0}-{1}-{2}'],
  ['(.*)@(.*).com', '{1}/{0}'], ['alice', 'm'],
  ['(alice|bob)@example\\.(com|org)', '{0}{1}'], ['(a*)(b?)', '[{0}][{1}]'],
  ['(a?)(a?)b', '[{0}][{1}]'], ['(a|aa)(b|ab)', '[{0}][{1}]'], ['(.)(.)(.*)', '{2}{1}{0}'], ['(.*)\\1', '{0}'],
  ['((a)l)(.*)', '{0} {1} {2}'], ['a+b@example.com', 'm'], ['x$y', 'm'], ['(.)@example\\.com', '{0}'],
  ['.*', '{username}'], ['(.*ss*e?)@.*', '{0}'], ['(?:a|b)(.*)', '{0}'], ['(ab|a)(bc*)?(.*)', '{0}|{2}'],
];

const OTHERS: readonly RuleCase[] = [
  ...NAMES.map((username) => ({ match: 'alice@EXAMPLE.com', ignore_case: true, identity: { username } })),
  ...NAMES.map((username) => ({ match: '(S.*E)@.*', output: '{0}', ignore_case: true, identity: { username } })),
  ...NAMES.map((username) => ({ match: 'alice@example.com', literal: true, identity: { username } })),
  ...NAMES.map((username) => ({ match: 'ALICE', literal: true, ignore_case: true, identity: { username } })),
  { match: 'STRAẞE', ignore_case: true, identity: { username: 'straße' } },
  { match: 'Σίσυφος', ignore_case: true, identity: { username: 'σίσυφοσ' } },
  { match: 'école', ignore_case: true, identity: { username: 'ÉCOLE' } },
  { match: '(a)\\1', ignore_case: true, output: '{0}', identity: { username: 'aA' } },
  { match: '.', identity: { username: '\r' } }, { match: '.', identity: { username: '\u2028' } },
  { match: 'a', source: '{name}', identity: { name: 'a' } },
  { match: '(.*) (.*)', source: '{name} {email}', output: '{1}.{0}', identity: { name: 'n', email: 'e' } },
  { match: '(.*)', source: '\\{name}', output: '{0}', identity: { name: 'n' } },
  { match: '(.*)', source: '\\\\{name}', output: '{0}', identity: { name: 'n' } },
  { match: '(.*)', source: '{name', output: '{0}', identity: { name: 'n' } },
  { match: '(.*)', source: '{name}', output: 'pre-{0}-{id}-post', identity: { name: 'n' } },
  { match: '(.*)', source: 'x', output: '\\{0}', identity: {} },
  ...['used', 'private', 'unused', 'closed', null, undefined, 7].map((status) => (
    { match: 'a', identity: { username: 'a', ...status === undefined ? {} : { status } } })),
  // Refused when it is loaded.
  ...['\\d', 'a\\', '\\^', '*a', '?', 'a*?', 'a??', 'a**', 'a?*', '(a', 'a)', '(*a)', 'a|*', '\\1', '(\\1)', '\\1(a)',
    '()\\2', '(?'].map((match) => ({ match, identity: { username: 'a' } })),
  // Fails for the identity.
  { match: 'a', source: '{nothing}', identity: {} }, { match: 'a', source: '{name}', identity: { name: null } },
  { match: '(a)|b', output: '{0}', identity: { username: 'b' } },
  { match: '(a)', output: '{1}', identity: { username: 'a' } }, { match: 'a', source: '{0}', identity: {} },
  { match: 'a', literal: true, output: '{0}', identity: { username: 'a' } },
  { match: 'a', output: '{nothing}', identity: { username: 'a' } },
];

const SAME: readonly RuleCase[] = [
  ...PATTERNS.flatMap(([match, output]) => NAMES.map((username) => ({ match, output, identity: { username } }))),
  ...OTHERS,
];

interface Deviation extends RuleCase {
  readonly theirs: Answer | RegExp;
  readonly ours: Answer | RegExp;
}

const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  'the first of several branches has to match to the end: anybody could begin like it': {
    match: 'alice|bob', identity: { username: 'alice@evil.example' }, theirs: 'm', ours: null,
  },
  'the last of several branches matches, however many there are': {
    match: 'a|b|c', identity: { username: 'bx' }, theirs: 'm', ours: null,
  },
  'a newline at the end is a character': {
    match: '(.*)@example\\.com', output: '{0}', identity: { username: 'root@example.com\n' }, theirs: 'root',
    ours: null,
  },
  'a newline at the end of a literal text, too': {
    match: 'a', literal: true, identity: { username: 'a\n' }, theirs: 'm', ours: null,
  },
  'a field without a value is no match, and takes nobody else\'s': {
    match: 'a', source: '{organization}', identity: { organization: null }, ours: null,
    theirs: { failed: '(IdentityMappingError) Missing identity property organization' },
  },
  'a field that is no text is no match': {
    match: '1', source: '{last_authentication}', identity: { last_authentication: 1 }, ours: null, theirs: /TypeError/,
  },
  'a group that took no part is no match': {
    match: '(a)|b', output: '{0}', identity: { username: 'b' }, ours: null, theirs: /Missing identity property 0/,
  },
  'a wrong reference is found when the map is loaded': {
    match: '(a)', output: '{1}', identity: { username: 'b' }, theirs: null, ours: /Invalid reference to 1: the groups/,
  },
  'groups do not count backwards': {
    match: '(a)(b)', output: '{-1}', identity: { username: 'ab' }, theirs: 'b', ours: /\{-1\} names no field/,
  },
  'a value that looks like a place stays a value': {
    match: '(.*)/(.*)', output: '{0}{1}', identity: { username: '{1}/root' }, theirs: 'rootroot', ours: '{1}root',
  },
  'the Kelvin sign is no k': {
    match: 'a@kit.edu', ignore_case: true, identity: { username: 'a@\u212Ait.edu' }, theirs: 'm', ours: null,
  },
  'the long s is no s': {
    match: 'a@site.edu', ignore_case: true, identity: { username: 'a@\u017Fite.edu' }, theirs: 'm', ours: null,
  },
  'a literal backslash takes no meaning from what follows': {
    match: 'a\\.b', literal: true, identity: { username: 'a\\xb' }, theirs: 'm', ours: null,
  },
  'an escaped backslash before a letter is one': {
    match: '\\\\d', identity: { username: '\\d' }, theirs: /Invalid \\ expression/, ours: 'm',
  },
  'an escaped character may be optional': {
    match: 'a\\*?', identity: { username: 'a' }, theirs: /Invalid \? expression/, ours: 'm',
  },
  'what may be empty is not repeated: it can take for ever': {
    match: '(a*)*b', identity: { username: 'aab' }, theirs: 'm', ours: /may be empty, which can take for ever/,
  },
  'other extensions of Python are none of the syntax': {
    match: '(?=a)a', identity: { username: 'a' }, theirs: 'm', ours: /Invalid \? expression: \(\?=/,
  },
  'a NUL has no name': {
    match: 'a\\0', identity: { username: 'a\0' }, theirs: 'm', ours: /Invalid \\ expression: \\0/,
  },
};

async function ours(rule: RuleCase): Promise<Answer> {
  const { identity, ...mapping } = completed(rule);
  let mapper;
  try {
    mapper = parseExpressions({ mappings: [mapping] }, []);
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
  const questions = { budget: { steps: 1_000_000 }, signal: new AbortController().signal };
  const [match] = await mapper.map([identity as JsonObject], questions); // the table is JSON
  return match?.localName ?? null;
}

/** A name, or that there is none: why is said in other words. */
function nameIn(answer: Answer): string | null {
  return typeof answer === 'string' ? answer : null;
}

test(`${SAME.length} rules give the name that the field's library gives, or none as it does`, async () => {
  const theirs = await askOracle(SAME);
  const differences = [];
  for (const [i, rule] of SAME.entries()) {
    const [answer, oracle] = [await ours(rule), theirs[i] ?? null];
    const isSame = nameIn(answer) === nameIn(oracle)
      // What cannot be loaded there must not be taken here for a rule that nobody matches.
      && (!isRefusal(oracle) || isRefusal(answer));
    if (!isSame) differences.push({ rule, ours: answer, theirs: oracle });
  }
  assert.deepEqual(differences, []);
  assert.ok(theirs.filter((answer) => typeof answer === 'string').length > 80, 'many of them match');
});

test('where another answer is wanted, the library gives the one, and we the other', async (t) => {
  const theirs = await askOracle(Object.values(DEVIATIONS));
  for (const [i, [reason, deviation]] of Object.entries(DEVIATIONS).entries()) {
    await t.test(reason, async () => {
      same(theirs[i] ?? null, deviation.theirs);
      same(await ours(deviation), deviation.ours);
    });
  }
});

function same(answer: Answer, expected: Answer | RegExp): void {
  if (expected instanceof RegExp) assert.match(JSON.stringify(answer).replaceAll('\\\\', '\\'), expected);
  else assert.deepEqual(answer, expected);
}

function isRefusal(answer: Answer): boolean {
  return typeof answer === 'object' && answer !== null && 'refused' in answer;
}
