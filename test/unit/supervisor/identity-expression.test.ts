import assert from 'node:assert/strict';
import test from 'node:test';
import type { JsonObject } from '../../../src/common/json.ts';
import { lookUp, type Lookup } from '../../../src/supervisor/identity-lookup.ts';
import { parseIdentityDocument } from '../../../src/supervisor/identity-document.ts';
import { BudgetSpent, matcherOf, matchWhole } from '../../../src/supervisor/identity-matcher.ts';
import { parsePattern } from '../../../src/supervisor/identity-pattern.ts';

const ALICE = { id: 'a1', username: 'alice@one.edu', organization: null, status: 'used' };
const LINKED = { id: 'b2', username: 'ali@two.org', organization: 'Two', status: 'private' };

function expressions(...mappings: readonly object[]): object {
  return { DATA_TYPE: 'expression_identity_mapping#1.0.0', comment: 'for us', mappings };
}

async function map(documents: unknown, identities: readonly JsonObject[]): Promise<Lookup> {
  const { mappers } = parseIdentityDocument(JSON.stringify(documents), 'e');
  return await lookUp(mappers, identities, new AbortController().signal);
}

test('the first mapping that matches wins, and in it the first identity; all that match are candidates', async () => {
  const two = { source: '{username}', match: '(.*)@two\\.org', output: '{0}' };
  const any = { source: '{username}', match: '(.*)@.*', output: 'x{0}' };
  const documents = [expressions({ ...two, match: 'no(b)ody' }), expressions(two, any)];
  const { chosen, candidates } = await map(documents, [ALICE, LINKED]);
  assert.deepEqual([chosen?.identityId, chosen?.localName, chosen?.identity], ['b2', 'ali', LINKED]);
  assert.equal(chosen?.rule, 'mapper 2 of 2 (expression), mapping 1 of 2, "(.*)@two\\\\.org" → "{0}"');
  assert.deepEqual(candidates.map(({ localName }) => localName), ['ali', 'xalice', 'xali']);
});

test('a field that one linked identity does not have locks nobody out', async () => {
  const rule = { source: '{organization}/{username}', match: 'Two/(.*)@.*', output: '{0}' };
  const { chosen, failures } = await map([expressions(rule)], [ALICE, LINKED]);
  assert.equal(chosen?.localName, 'ali');
  assert.deepEqual(failures, []);
});

test('nothing that objects have by birth is a field of an identity', async () => {
  for (const field of ['constructor', '__proto__', 'toString']) {
    const { candidates } = await map([expressions({ source: `{${field}}`, match: '.*', output: 'root' })], [ALICE]);
    assert.deepEqual(candidates, [], field);
  }
});

test('an identity that nobody has used is nobody', async () => {
  const rule = { source: '{username}', match: '.*', output: 'm' };
  const identities = ['unused', 'closed', null, true].map((status) => ({ ...ALICE, status }));
  assert.deepEqual((await map([expressions(rule)], [...identities, { id: 'c', username: 'x' }])).candidates, []);
});

test('an empty map and a null are maps for nobody, and say so', () => {
  for (const text of ['[]', 'null', '\uFEFF[]']) {
    const { mappers, notes } = parseIdentityDocument(text, 'e');
    assert.equal(mappers.length, 0);
    assert.match(notes.join(), /nobody can use the endpoint/);
  }
});

test('a flag that is misspelt is noted, as it has no effect', () => {
  const rule = { source: '{id}', match: 'a', output: 'b', ignorecase: true, remark: '' };
  const { notes } = parseIdentityDocument(JSON.stringify([expressions(rule)]), 'e');
  assert.deepEqual(notes, ['mapping 1 of 1: the key ignorecase has no effect; did you mean ignore_case? (index: 0)']);
});

test('what is wrong with a map is said with its place', () => {
  const rule = { source: '{username}', match: 'a', output: 'b' };
  const cases: readonly (readonly [document: unknown, expected: RegExp])[] = [
    [{}, /Invalid mapping or map config: expected a list/],
    [['x'], /Invalid mapping or map config: expected an object \(index: 0\)$/],
    [[expressions(rule), { mappings: [] }], /Invalid map config: it has no DATA_TYPE \(index: 1\)$/],
    [[{ DATA_TYPE: 'expression_identity_maping#1.0.0' }],
      /No identity mapper found for: expression_identity_maping#1\.0\.0; .*did you mean expression_identity_mapping#/],
    [[{ DATA_TYPE: 'expression_identity_mapping#2.0.0' }], /Unsupported DATA_TYPE .*#2\.0\.0: it has to be .*#1\.0\.0/],
    [[{ DATA_TYPE: 'expression_identity_mapping#1.0.0' }], /mappings: expected a list/],
    [[expressions(rule, { ...rule, match: 7 })], /mapping 2 of 2: match: expected text \(index: 0\)$/],
    [[expressions({ ...rule, literal: 'yes' })], /literal: expected true or false/],
    [[expressions({ ...rule, match: '(' })], /mapping 1 of 1: \( - a \( is not closed/],
    [[expressions({ ...rule, match: '('.repeat(60) })], /nested more than 50 deep/],
    [[expressions({ ...rule, match: 'x'.repeat(1025) })], /longer than 1024 characters/],
    [[{ DATA_TYPE: 'external_identity_mapping#1.0.0', command: [] }], /command: expected a list of texts/],
    [[{ DATA_TYPE: 'external_identity_mapping#1.0.0', command: 'a b' }], /command: expected a list of texts/],
  ];
  for (const [document, expected] of cases) {
    assert.throws(() => parseIdentityDocument(JSON.stringify(document), 'e'), expected);
  }
  assert.throws(() => parseIdentityDocument('[{]', 'e'), { name: 'JSONDecodeError' });
});

test('patterns that take others for ever take as many steps as there are places, or give up', () => {
  const text = `${'a'.repeat(1000)}!`;
  const patterns = ['(a|a)*b', '(a|aa)*b', '.*.*.*.*.*.*b', '(a?)(a?)(a?)(a?)(a?)(a?)a*a*a*a*b', '((a|b)*c|a*)b'];
  for (const pattern of patterns) {
    const budget = { steps: 100_000 };
    assert.equal(matchWhole(matcherOf(parsePattern(pattern), true), text, budget), undefined, pattern);
    assert.ok(budget.steps > 0, pattern);
  }
  assert.throws(() => matchWhole(matcherOf(parsePattern('(a*)(a*)(a*)\\1\\2\\3b'), false), text, { steps: 100_000 }),
    BudgetSpent);
});

test('an identity that makes a mapper give up matches nothing, and the next mapper is asked', async () => {
  const greedy = { source: '{username}', match: '(a*)(a*)(a*)\\1\\2\\3b', output: 'x' };
  const plain = { source: '{id}', match: 'a1', output: 'alice' };
  const identity = { ...ALICE, username: 'a'.repeat(1000) };
  const { chosen, failures } = await map([expressions(greedy), expressions(plain)], [identity]);
  assert.equal(chosen, undefined, 'its steps are gone for the whole lookup');
  assert.match(failures[0] ?? '',
    /^Identity mapper 1 \[of 2\] \(ExpressionIdentityMapping\) failed -- \(TimeoutError\) matching took more steps/);
});

test('a source longer than any name matches nothing', async () => {
  const rule = { source: '{username}', match: '.*', output: 'm' };
  assert.deepEqual((await map([expressions(rule)], [{ ...ALICE, username: 'a'.repeat(1025) }])).candidates, []);
});
