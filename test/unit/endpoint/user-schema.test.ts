import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { checkUserOptions } from '../../../src/endpoint/user-schema.ts';

const PATH = '/etc/x/user_config_schema.json';

function refusal(schema: unknown, value: object, msMax?: number): readonly [unknown, unknown, string] {
  try {
    checkUserOptions({ path: PATH, text: typeof schema === 'string' ? schema : JSON.stringify(schema) },
      value as Record<string, string>, msMax);
  } catch (error) {
    assert.ok(error instanceof ComputeError, String(error));
    return [error.details['step'], error.details['kind'], error.message];
  }
  assert.fail('it was not refused');
}

suite('a schema of users\' values', () => {
  test('that is no JSON is named', () => {
    assert.deepEqual(refusal('{', {}), [70, 'JSONDecodeError', `The user config schema is not valid JSON: ${PATH}`]);
  });

  test('is never fetched from anywhere', () => {
    for (const $ref of ['http://127.0.0.1:9/x.json', 'https://example.org/x', 'file:///etc/passwd', 'other.json']) {
      const [step, kind, message] = refusal({ properties: { a: { $ref } } }, { a: 1 });
      assert.deepEqual([step, kind], [77, 'SchemaError']);
      assert.match(message, /resolve reference/);
    }
  });

  test('does not keep a processor busy with a pattern that runs away', () => {
    const schema = { properties: { a: { pattern: '^(a+)+$' } } };
    const [step, kind, message] = refusal(schema, { a: `${'a'.repeat(60)}!` }, 500);
    assert.deepEqual([step, kind], [77, 'ValidationError']);
    assert.match(message, /could not be checked within 0.5 s/);
  });

  test('refuses a pattern that is none, whether or not a value comes to it', () => {
    assert.deepEqual(refusal({ properties: { a: { pattern: '[' } } }, {}), [77, 'SchemaError', "'[' is not a 'regex'"]);
  });

  test('that is false allows nothing', () => {
    assert.deepEqual(refusal(false, {}), [77, 'ValidationError', 'False schema does not allow {}']);
  });

  test('has its limits, and so have the values', () => {
    assert.match(refusal({ description: 'x'.repeat(2 ** 20) }, {})[2], /longer than/);
    assert.match(refusal({ type: 'object' }, { a: 'x'.repeat(2 ** 22) })[2], /characters of values/);
  });
});
