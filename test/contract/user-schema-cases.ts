// Schemas and values on which our check and Python's jsonschema must agree. `told`: and on what they say first.

import { Float } from '../../src/common/json.ts';

export interface SchemaCase {
  readonly schema: unknown;
  readonly value: object;
  readonly told?: false;
}

const DRAFT4 = 'http://json-schema.org/draft-04/schema#';
const DRAFT6 = 'http://json-schema.org/draft-06/schema#';
const DRAFT7 = 'http://json-schema.org/draft-07/schema#';
const DRAFT2019 = 'https://json-schema.org/draft/2019-09/schema';
const DRAFT2020 = 'https://json-schema.org/draft/2020-12/schema';

const of = (schema: object, ...values: readonly unknown[]): SchemaCase[] =>
  values.map((value) => ({ schema: { properties: { x: schema } }, value: { x: value } }));
const whole = (schema: unknown, ...values: readonly object[]): SchemaCase[] =>
  values.map((value) => ({ schema, value }));
const untold = (cases: readonly SchemaCase[]): SchemaCase[] => cases.map((one) => ({ ...one, told: false }));

const ONE = new Float(1);

// Read, as an object with a key `then` is taken for a promise.
const CONDITION = JSON.parse(
  '{"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "integer"}}',
) as object;

export const SCHEMA_CASES: readonly SchemaCase[] = [
  ...of({ type: 'string' }, 'a', 1, null, true, ['a'], { a: 1 }, 1.5),
  ...of({ type: ['string', 'null'] }, null, 2),
  ...of({ type: 'integer' }, 3, 3.5, '3', true),
  ...of({ type: 'number' }, 0.25, false, 'x'),
  ...of({ type: 'boolean' }, true, 0, 'no'),
  ...of({ enum: ['debug', 'regular', 1] }, 'debug', 'preempt', true, 1),
  ...of({ const: { a: [1] } }, { a: [1] }, { a: [2] }),
  ...of({ minimum: 1, maximum: 8 }, 0, 1, 8, 9, 'z'),
  ...of({ exclusiveMinimum: 1, exclusiveMaximum: 8 }, 1, 8, 2),
  ...of({ multipleOf: 4 }, 8, 9),
  ...of({ minLength: 1, maxLength: 3 }, '', 'abc', 'abcd', '\u{1f600}\u{1f600}\u{1f600}'),
  ...of({ minLength: 3 }, 'ab'), ...of({ maxLength: 0 }, 'a'),
  ...of({ pattern: '^[a-z_][a-z0-9_-]*$' }, 'abc-1', 'Abc', 'a b'),
  ...of({ pattern: '\\d{2}:\\d{2}:\\d{2}' }, '01:30:00', '1:30', '٠١:٣٠:٠٠'),
  ...of({ pattern: '^\\w+\\-\\w+\\Z' }, 'é-1', 'a-', 'a_b-c'),
  ...of({ pattern: '(?P<a>x)(?P=a)' }, 'xx', 'xy'), ...of({ pattern: '(?i)^DEBUG$' }, 'debug', 'queue'),
  ...of({ pattern: '^[]{}a]+{,2}$' }, 'a]', 'b'), ...of({ pattern: '^a{,2}b$' }, 'aab', 'aaab'),
  ...of({ minItems: 1, maxItems: 2 }, [], [1], [1, 2, 3]),
  ...of({ uniqueItems: true }, [1, true], [1, 1], [{ a: 1 }, { a: 1 }], ['a', 'b']),
  ...of({ items: { type: 'string' } }, ['a', 1], ['a'], [1, 2]),
  ...of({ prefixItems: [{ type: 'integer' }], items: false }, [1], [1, 2], ['a'], [1, 'b', 'c']),
  ...of({ contains: { const: 7 } }, [7], [1, 2], []),
  ...untold(of({ contains: { const: 7 }, minContains: 2, maxContains: 3 }, [7, 7], [7], [7, 7, 7, 7])),
  ...of({ minProperties: 1, maxProperties: 2 }, {}, { a: 1 }, { a: 1, b: 2, c: 3 }),
  ...of({ propertyNames: { pattern: '^[A-Z]+$' } }, { A: 1 }, { a: 1 }),
  ...of({ anyOf: [{ type: 'string' }, { type: 'integer', minimum: 3 }] }, 'a', 4, 1, [], null),
  ...of({ oneOf: [{ type: 'integer' }, { minimum: 3 }] }, 1, 5, 'a', 2.5),
  ...of({ allOf: [{ type: 'string' }, { minLength: 2 }] }, 'ab', 'a', 1),
  ...of({ not: { const: 'root' } }, 'root', 'alice'),
  ...untold(of(CONDITION, 'a', 'ab', 1, 1.5)),
  ...of({ format: 'uuid', type: 'string' }, 'no uuid'), ...of({ nullable: true, type: 'string' }, null, 'a'),
  ...of({ properties: { nullable: { type: 'string' } } }, { nullable: 1 }, { nullable: 'a' }),
  ...of({ unknown: 1, type: 'string' }, 'a'), ...of(false as unknown as object, 1), ...of(true as unknown as object, 1),
  ...whole({ required: ['a', 'z'] }, { a: 1 }, { a: 1, z: 2 }, {}),
  ...whole({ properties: { a: {} }, additionalProperties: false }, { a: 1 }, { a: 1, x: 2 }, { y: 1, x: 2 }),
  ...whole({ additionalProperties: { type: 'string' } }, { a: 'b' }, { a: 1 }),
  ...whole({ patternProperties: { '^N_': { type: 'integer' } }, additionalProperties: false },
    { N_A: 1 }, { N_A: 'a' }, { M: 1 }, { M: 1, L: 2 }),
  ...whole({ properties: { a: { type: 'string' } }, required: ['b'], additionalProperties: false }, { a: 1, c: 2 }),
  ...whole({ dependentRequired: { a: ['b'] } }, { a: 1 }, { a: 1, b: 2 }, { b: 2 }),
  ...untold(whole({ dependentSchemas: { a: { required: ['b'] } } }, { a: 1 }, { a: 1, b: 1 })),
  ...whole({ dependencies: { a: ['b'] } }, { a: 1 }),
  ...whole({ $defs: { t: { type: 'string' } }, properties: { a: { $ref: '#/$defs/t' } } }, { a: 'x' }, { a: 1 }),
  ...whole({ $id: 'https://example.org/s', $defs: { t: { $anchor: 'here', type: 'string' } },
    properties: { a: { $ref: '#here' } } }, { a: 'x' }, { a: 1 }),
  ...whole({ allOf: [{ properties: { a: {} } }], unevaluatedProperties: false }, { a: 1 }, { b: 1 }),
  ...untold(whole({ $dynamicAnchor: 'node', properties: { next: { $dynamicRef: '#node' } }, maxProperties: 1 },
    { next: { next: {} } }, { next: { a: 1, b: 2 } })),
  ...whole({ $schema: DRAFT2020, properties: { id: { type: 'integer' } }, id: 'x' }, { id: 1 }, { id: 'a' }),
  ...whole({ $schema: DRAFT2019, items: {}, $defs: { t: { minimum: 2 } }, properties: { a: { $ref: '#/$defs/t' } } },
    { a: 1 }, { a: 2 }),
  ...whole({ $schema: DRAFT2019, properties: { a: { items: [{ type: 'string' }], additionalItems: false } } },
    { a: ['x'] }, { a: ['x', 1] }, { a: [1] }),
  ...whole({ $schema: DRAFT7, definitions: { t: { type: 'string' } },
    properties: { a: { $ref: '#/definitions/t', minLength: 5 } } }, { a: 'x' }, { a: 1 }),
  ...whole({ $schema: DRAFT7, dependencies: { a: ['b'] } }, { a: 1 }, { a: 1, b: 1 }),
  ...whole({ $schema: DRAFT6, properties: { a: { exclusiveMinimum: 2 } } }, { a: 2 }, { a: 3 }),
  ...whole({ $schema: DRAFT4, properties: { a: { minimum: 2, exclusiveMinimum: true } } }, { a: 2 }, { a: 3 }),
  ...whole({ $schema: DRAFT4, id: 'https://example.org/s', required: ['a'] }, {}, { a: 1 }),
  ...whole({ $schema: 'https://example.org/mine', required: ['a'] }, {}, { a: 1 }),
  ...of({ type: 'integer' }, ONE, new Float(-0), new Float(1e22)),
  ...of({ type: 'string' }, ONE, [{ a: ONE }], 2n ** 70n),
  ...of({ enum: [1] }, ONE, new Float(2)), ...of({ const: 1 }, ONE), ...of({ uniqueItems: true }, [1, ONE], [ONE, 2]),
  ...of({ maximum: 8, multipleOf: 2 }, new Float(8), new Float(9), new Float(10)),
  ...whole({ $schema: DRAFT4, properties: { a: { type: 'integer' } } }, { a: ONE }, { a: 1 }, { a: [ONE] }),
  ...whole({ $schema: DRAFT4, properties: { a: { type: ['integer', 'number'], maximum: 1 } } }, { a: ONE }),
  ...whole({ $schema: DRAFT4, properties: { a: { enum: [1] }, b: { type: 'string' } } }, { a: ONE, b: 'x' }),
  ...whole({ $schema: DRAFT6, properties: { a: { type: 'integer' } } }, { a: ONE }, { a: new Float(1.5) }),
  ...whole({}, { a: 1 }), ...whole(null, { a: 1 }), ...whole(true, { a: 1 }),
];

/** Which no value fits, as they are no schemas. */
export const WRONG_SCHEMAS: readonly unknown[] = [
  { type: 'strnig' }, { properties: [] }, { required: 'a' }, { minimum: 'x' },
  { $schema: DRAFT4, properties: { a: { required: true } } }, [1], 'x',
];
