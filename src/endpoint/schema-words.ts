// One sentence for each thing that a schema can refuse, as Python's jsonschema words it. Pure.

import type { Json, JsonObject } from '../common/json.ts';
import { isMapping } from '../common/schema.ts';
import { pythonRepr } from './python-repr.ts';

/** One thing that is wrong, as the checking package tells it. */
export interface SchemaProblem {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  /** Where it is a name, of a property of what is at the path, that is wrong. */
  readonly propertyName?: string;
  /** What the keyword says, and what it stands in. */
  readonly schema?: unknown;
  readonly parentSchema?: JsonObject;
  readonly data?: unknown;
}

type Words = (error: SchemaProblem, value: string) => string;

const ofList = (keyed: unknown): string => [keyed].flat().map((one) => pythonRepr(one as Json)).join(', ');
const limit = ({ schema }: SchemaProblem): string => pythonRepr(schema as Json);
const isOne = ({ schema }: SchemaProblem): boolean => schema === 1;
const isNone = ({ schema }: SchemaProblem): boolean => schema === 0;

const tooShort: Words = (error, value) => `${value} ${isOne(error) ? 'should be non-empty' : 'is too short'}`;
const tooLong: Words = (error, value) => `${value} ${isNone(error) ? 'is expected to be empty' : 'is too long'}`;
const atMost: Words = (error, value) => (exclusive(error, 'exclusiveMaximum')
  ? `${value} is greater than or equal to the maximum of ${limit(error)}`
  : `${value} is greater than the maximum of ${limit(error)}`);
const atLeast: Words = (error, value) => (exclusive(error, 'exclusiveMinimum')
  ? `${value} is less than or equal to the minimum of ${limit(error)}`
  : `${value} is less than the minimum of ${limit(error)}`);

/** In its oldest dialect it is a flag beside the limit. */
function exclusive({ keyword, parentSchema }: SchemaProblem, flag: string): boolean {
  return keyword === flag || parentSchema?.[flag] === true;
}

const dependency: Words = ({ params }) =>
  `${pythonRepr(String(params['missingProperty']))} is a dependency of ${pythonRepr(String(params['property']))}`;

const extraItems: Words = ({ data, params, keyword }) => {
  const items = Array.isArray(data) ? data as Json[] : [];
  const most = Number(params['limit'] ?? 0);
  const rest = items.slice(most);
  if (keyword === 'additionalItems') return `Additional items are not allowed (${unexpected(rest)} unexpected)`;
  return `Expected at most ${most} ${most === 1 ? 'item' : 'items'} but found ${rest.length} extra: ${
    pythonRepr(rest.length === 1 ? rest[0] : rest)}`;
};

const found: Words = ({ params, data, parentSchema }, value) => {
  const { minContains } = params;
  const least = Number(parentSchema?.['minContains'] ?? 1);
  if (Array.isArray(data) && minContains !== undefined && least > 1) {
    return `Too few items match the given schema (expected at least ${least})`;
  }
  return `${value} does not contain items matching the given schema`;
};

const WORDS: Readonly<Record<string, Words>> = {
  type: ({ schema }, value) => `${value} is not of type ${ofList(schema)}`,
  required: ({ params }) => `${pythonRepr(String(params['missingProperty']))} is a required property`,
  enum: (error, value) => `${value} is not one of ${limit(error)}`,
  const: (error) => `${limit(error)} was expected`,
  minimum: atLeast, exclusiveMinimum: atLeast, maximum: atMost, exclusiveMaximum: atMost,
  multipleOf: (error, value) => `${value} is not a multiple of ${limit(error)}`,
  minLength: tooShort, maxLength: tooLong, minItems: tooShort, maxItems: tooLong,
  uniqueItems: (_, value) => `${value} has non-unique elements`,
  pattern: (error, value) => `${value} does not match ${limit(error)}`,
  minProperties: (error, value) =>
    `${value} ${isOne(error) ? 'should be non-empty' : 'does not have enough properties'}`,
  maxProperties: (error, value) => `${value} ${isNone(error) ? 'is expected to be empty' : 'has too many properties'}`,
  anyOf: (_, value) => `${value} is not valid under any of the given schemas`,
  oneOf: ({ schema, params }, value) => oneOfWords(value, schema, params['passingSchemas']),
  not: (error, value) => `${value} should not be valid under ${limit(error)}`,
  dependentRequired: dependency, dependencies: dependency,
  items: extraItems, additionalItems: extraItems, contains: found,
  'false schema': (_, value) => `False schema does not allow ${value}`,
};

function oneOfWords(value: string, schemas: unknown, passing: unknown): string {
  if (!Array.isArray(passing) || !Array.isArray(schemas)) return `${value} is not valid under any of the given schemas`;
  const [first, second] = passing.map((i) => pythonRepr(schemas[Number(i)] as Json));
  return `${value} is valid under each of ${second}, ${first}`;
}

/** `all`: an object's keys are refused one by one, and told together. */
export function wordsOf(error: SchemaProblem, all: readonly SchemaProblem[]): string {
  const { keyword, data, parentSchema } = error;
  const same = all.filter((one) => one.keyword === keyword && one.schemaPath === error.schemaPath
    && one.instancePath === error.instancePath);
  const keys = (param: string): Json[] => same.map(({ params }) => String(params[param])).sort();
  if (keyword === 'additionalProperties') {
    const extra = keys('additionalProperty');
    const patterns = parentSchema?.['patternProperties'];
    if (!isMapping(patterns)) return `Additional properties are not allowed (${unexpected(extra)} unexpected)`;
    return `${ofList(extra)} ${extra.length === 1 ? 'does' : 'do'} not match any of the regexes: ${
      ofList(Object.keys(patterns).sort())}`;
  }
  if (keyword === 'unevaluatedProperties') {
    return `Unevaluated properties are not allowed (${unexpected(keys('unevaluatedProperty'))} unexpected)`;
  }
  return WORDS[keyword]?.(error, pythonRepr(data as Json)) ?? error.message ?? 'it does not fit';
}

function unexpected(extra: readonly Json[]): string {
  return `${ofList(extra)} ${extra.length === 1 ? 'was' : 'were'}`;
}
