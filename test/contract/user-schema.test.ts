// What users send is checked as the field checks it: against the package that its managers use.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import { formatJson, type Json, type JsonObject } from '../../src/common/json.ts';
import { checkUserOptions } from '../../src/endpoint/user-schema.ts';
import { pythonVenv } from '../python-venv.ts';
import { SCHEMA_CASES, WRONG_SCHEMAS } from './user-schema-cases.ts';

interface Told { readonly kind: string; readonly text: string }

// As the field's managers do: what is false to Python is no schema.
const THEIRS = `
import json, sys, warnings
import jsonschema
warnings.simplefilter("ignore")
for schema, value in json.load(sys.stdin):
    try:
        if schema:
            jsonschema.validate(instance=value, schema=schema)
        print(json.dumps(None))
    except (jsonschema.ValidationError, jsonschema.SchemaError) as e:
        print(json.dumps({"kind": type(e).__name__, "text": str(e)}))
    except Exception as e:
        print(json.dumps({"kind": "SchemaError", "text": repr(e)}))
`;

async function theirs(cases: readonly (readonly [unknown, object])[]): Promise<(Told | null)[]> {
  const { python } = await pythonVenv();
  const { code, stdout, stderr } = await exec([python, '-c', THEIRS], {
    timeoutMs: 60_000, input: formatJson(cases as readonly (readonly Json[])[]), // plain data
  });
  assert.equal(code, 0, stderr);
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Told | null);
}

function ours(schema: unknown, value: object): Told | null {
  try {
    checkUserOptions({ path: 'user_config_schema.json', text: JSON.stringify(schema) }, value as JsonObject);
    return null;
  } catch (error) {
    assert.ok(error instanceof ComputeError, String(error));
    return { kind: String(error.details['kind']), text: error.message };
  }
}

suite('the check of users\' values, and the field\'s', () => {
  test('agree on what is taken, and begin with the same words', async () => {
    const expected = await theirs(SCHEMA_CASES.map(({ schema, value }) => [schema, value]));
    assert.ok(SCHEMA_CASES.length > 100);
    const differences = SCHEMA_CASES.flatMap(({ schema, value, told = true }, i) => {
      const [mine, other] = [ours(schema, value), expected[i]];
      const same = told && mine !== null && other ? mine.text.split('\n')[0] === other.text.split('\n')[0]
        : (mine === null) === (other === null);
      return same && mine?.kind === other?.kind ? []
        : [`${JSON.stringify(schema)} of ${formatJson(value as JsonObject)}: ${mine?.text} / ${other?.text}`];
    });
    assert.deepEqual(differences, []);
  });

  test('refuse what is no schema', async () => {
    const expected = await theirs(WRONG_SCHEMAS.map((schema) => [schema, {}]));
    const kinds = WRONG_SCHEMAS.map((schema) => ours(schema, {})?.kind);
    assert.deepEqual(expected.map((one) => one?.kind), kinds);
    assert.deepEqual(new Set(kinds), new Set(['SchemaError']));
  });

  test('say where in the schema and in the values it is', async () => {
    const schema = { properties: { worker_init: { type: 'string' }, list: { items: { enum: ['a'] } } } };
    const cases = [{ worker_init: 1 }, { list: ['a', 'b'] }];
    const expected = await theirs(cases.map((value) => [schema, value]));
    assert.deepEqual(cases.map((value) => ours(schema, value)?.text), expected.map((one) => one?.text));
  });
});
