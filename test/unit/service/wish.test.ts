// Which submissions share a user endpoint, and what its values may be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatJson, isJsonObject, parseJson, type Json, type JsonObject } from '../../../src/common/json.ts';
import { isDerivedId } from '../../../src/service/ids.ts';
import { checkWish, childId, identityDocument, type Wish } from '../../../src/service/wish.ts';

const IDENTITY = { id: 'i', username: 'u@example.edu', fullName: 'U', email: 'u@mail' };

const wishOf = (options: string | JsonObject): Wish => {
  const parsed = typeof options === 'string' ? parseJson(options, 'everywhere') : options;
  return { identity: IDENTITY, options: isJsonObject(parsed) ? parsed : {}, runtime: {} };
};
const idFor = (options: string | JsonObject): string => childId('m', wishOf(options));

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)]));
}

const values = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>;

test('the order of keys does not matter, at any depth', () => {
  fc.assert(fc.property(values, (options) => {
    assert.equal(idFor(reversed(options) as JsonObject), idFor(options));
  }));
});

test('values share an endpoint exactly if they are the same JSON', () => {
  fc.assert(fc.property(values, values, (one, other) => {
    const isSame = formatJson(canonical(one)) === formatJson(canonical(other));
    assert.equal(idFor(one) === idFor(other), isSame);
  }));
});

function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value).sort();
  return keys.map((key) => [key, canonical(value[key] ?? null)]);
}

test('numbers are the same by type and value, texts by their characters, and nothing is the same as its text', () => {
  const same: [string, string][] = [
    ['{"a":1.0}', '{"a":1e0}'], ['{"a":10.0}', '{"a":1e1}'], ['{"a":0}', '{"a":-0}'], ['{"a":"\\u0041"}', '{"a":"A"}'],
    ['{"a":1,"b":2}', '{"b":2,"a":1}'], ['{"a":{"x":1,"y":[2]}}', '{ "a" : { "y":[2], "x":1 } }'],
  ];
  for (const [one, other] of same) assert.equal(idFor(one), idFor(other), `${one} ${other}`);
  const different = [
    '{}', '{"a":1}', '{"a":1.0}', '{"a":"1"}', '{"a":true}', '{"a":null}', '{"a":[1]}', '{"a":{}}', '{"a":[]}',
    '{"a":""}',
    '{"a":[1,2]}', '{"a":[2,1]}', '{"A":1}', '{"__proto__":1}', '{"__proto__":{"a":1}}', '{"constructor":1}',
    '{"a":"é"}', '{"a":"e\\u0301"}', '{"a":"\\u0000"}', '{"a":12345678901234567890}', '{"a":12345678901234567891}',
  ];
  const ids = different.map(idFor);
  assert.equal(new Set(ids).size, different.length);
  for (const id of ids) assert.ok(isDerivedId(id));
});

test('half characters and values that no manager could pass on are refused', () => {
  const torn = { code: 'SEMANTICALLY_INVALID', message: /half of a surrogate pair/ };
  assert.throws(() => checkWish(wishOf('{"a":{"b":["\\ud800"]}}')), torn);
  assert.throws(() => checkWish(wishOf('{"a":{"\\udc00":1}}')), torn);
  checkWish(wishOf({ a: '𝄞', b: 'x'.repeat(60_000) }));
  const large = wishOf({ a: 'é'.repeat(31_000) });
  assert.throws(() => checkWish(large), /may have 61440 bytes together; these have 620\d\d\./);
});

test('an identity’s document says when its user has last logged in, where that is known', () => {
  assert.deepEqual(identityDocument({ ...IDENTITY, authenticatedS: 12.7 })['last_authentication'], 12);
  assert.deepEqual(identityDocument(IDENTITY)['last_authentication'], null);
});
