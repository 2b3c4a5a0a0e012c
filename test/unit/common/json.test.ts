import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Float, formatJson, parseJson, type Json } from '../../../src/common/json.ts';

const NS = '1795224080706055542';

test('whole numbers past 2^53 are read as they are, and written as they were', () => {
  const text = `{"a":${NS},"b":[-${NS},9007199254740991,9007199254740992],"c":1.5,"d":1e400}`;
  const read = parseJson(text);
  assert.deepEqual(read, {
    a: 1795224080706055542n, b: [-1795224080706055542n, 9007199254740991, 9007199254740992n], c: 1.5, d: Infinity,
  });
  assert.equal(formatJson(read), text.replace('1e400', 'null'));
});

test('a float that is a whole number stays one where that is asked for, and is a number elsewhere', () => {
  const text = '{"a":[1.0,1,-0.0,1e3,1.5e1,1.5,1e400,-1E400],"b":{"c":2.0},"d":"1.0","e":1e21}';
  const [a, b] = [[1, 1, -0, 1000, 15, 1.5, Infinity, -Infinity], { c: 2 }];
  assert.deepEqual(parseJson(text), { a, b, d: '1.0', e: 1e21 });
  const floats = a.map((value, i) => (i === 1 || i === 5 ? value : new Float(value)));
  assert.deepEqual(parseJson(text, ['a', 'e']), { a: floats, b, d: '1.0', e: new Float(1e21) });
  const all = { a: floats, b: { c: new Float(2) }, d: '1.0', e: new Float(1e21) };
  assert.deepEqual(parseJson(text, 'everywhere'), all);
  const written = '{"a":[1.0,1,-0.0,1000.0,15.0,1.5,1e999,-1e999],"b":{"c":2.0},"d":"1.0","e":1e+21}';
  assert.equal(formatJson(all), written);
  assert.deepEqual(parseJson(written, 'everywhere'), all);
  assert.deepEqual(parseJson('[{"a":1.0}]', ['a']), [{ a: 1 }]);
  assert.deepEqual(parseJson('1.0', 'everywhere'), new Float(1));
});

test('what JSON.parse and JSON.stringify can do comes out the same, with a big number in it and without', () => {
  const texts = fc.json({ maxDepth: 6 }).filter((text) => !/(?<![\d.])\d{16,}(?![\d.eE])/.test(text));
  fc.assert(fc.property(texts, fc.boolean(), (text, withBigNumber) => {
    const whole = withBigNumber ? `[${text},${NS}]` : text;
    const expected: unknown = withBigNumber ? [JSON.parse(text), BigInt(NS)] : JSON.parse(text);
    assert.deepEqual(parseJson(whole), expected);
    const again = formatJson(parseJson(whole));
    assert.equal(again, withBigNumber ? `[${JSON.stringify(JSON.parse(text))},${NS}]` : JSON.stringify(expected));
  }));
});

test('bigints of any size come back as they went', () => {
  const value = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof({ depthSize: 'small' }, fc.bigInt().filter((n) => !Number.isSafeInteger(Number(n))), fc.string(),
      fc.integer(), fc.constant(null), fc.boolean(), fc.array(tie('json')), fc.dictionary(fc.string(), tie('json'))),
  })).json;
  fc.assert(fc.property(value, (json) => {
    assert.equal(formatJson(parseJson(formatJson(json))), formatJson(json));
  }));
});

test('text with quotes, escapes and many digits is text', () => {
  for (const text of ['\\', '"', '\\"', '\\\\"', NS, `"${NS}`, '\u2028', '😀', '\ud800', '']) {
    const json = JSON.stringify([text, { [text]: text }]).replace(/\]$/, `,${NS}]`);
    assert.deepEqual(parseJson(json), [text, { [text]: text }, BigInt(NS)]);
  }
});

test('a key named __proto__ is a key', () => {
  for (const tail of ['1', NS]) {
    const read = parseJson(`{"__proto__":{"admin":true},"n":${tail}}`);
    assert.ok(typeof read === 'object' && read !== null);
    assert.deepEqual(Object.keys(read), ['__proto__', 'n']);
    assert.equal(Reflect.get(read, 'admin'), undefined);
  }
});

test('what is not JSON is refused, wherever it breaks off', () => {
  const whole = `{"a":[true,false,null,-1.5e+3,"x\\u0041"],"b":${NS}}`;
  parseJson(whole);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parseJson(whole.slice(0, length)), SyntaxError, whole.slice(0, length));
  }
  for (const bad of ['{a:1}', '[1,]', '{"a":1,}', "['a']", '[01]', '[+1]', '[.5]', '[1.]', '[NaN]', '[Infinity]',
    '["\n"]', '["a\u0000"]', '["\u001fb"]', '["long enough\nto be two lines"]', '["\\x"]', '{"a" 1}', '[1 2]', '[]]',
    'tru', '\u00a0[]']) {
    assert.throws(() => parseJson(bad), SyntaxError, bad);
    assert.throws(() => parseJson(`[${bad},${NS}]`), SyntaxError, bad);
  }
});

test('what would exhaust the stack or the time is refused', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  assert.doesNotThrow(() => parseJson(deep(200)));
  for (const text of [deep(202), deep(1_000_000), `[${deep(202)},${NS}]`]) {
    assert.throws(() => parseJson(text), RangeError);
  }
  assert.throws(() => parseJson('1'.repeat(1_001)), RangeError);
  assert.doesNotThrow(() => parseJson(JSON.stringify('[{'.repeat(100_000))));
});
