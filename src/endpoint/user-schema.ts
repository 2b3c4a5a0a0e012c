// The administrator's JSON Schema, and what users send. Its dialect is what `$schema` says, and 2020-12 otherwise;
// `format` is not looked at, and nothing is fetched. Whatever it and the value are, it ends in some seconds.

import { createRequire } from 'node:module';
import { createContext, Script } from 'node:vm';
import type { Ajv, ErrorObject, Options } from 'ajv';
import { Float, formatJson, isJsonObject, type Json, type JsonObject } from '../common/json.ts';
import { isMapping } from '../common/schema.ts';
import { readPattern } from './python-pattern.ts';
import { pythonRepr } from './python-repr.ts';
import { sentenceOf } from './schema-errors.ts';
import { STEPS, startFailure } from './start-failure.ts';

export interface WrittenFile {
  readonly path: string;
  readonly text: string;
}

/** Of a user's patience and of a node's processor: patterns can take for ever. */
const CHECK_MS_MAX = 5_000;
const SCHEMA_CHARS_MAX = 1024 * 1024;
const VALUES_CHARS_MAX = 4 * 1024 * 1024;

interface Dialect {
  readonly module: string;
  readonly exported: string;
  /** Beside `$ref`, nothing counts. */
  readonly refAlone: boolean;
  /** What the module knows, and the dialect does not. */
  readonly unknown: readonly string[];
  /** Whether 1.0 is an integer. */
  readonly wholeIsInteger: boolean;
  /** A description of the dialect that the module does not know. */
  readonly meta?: string;
}

const META_6 = 'http://json-schema.org/draft-06/schema#';
const LATEST: Dialect = {
  module: 'ajv/dist/2020.js', exported: 'Ajv2020', refAlone: false, unknown: ['id', 'dependencies'],
  wholeIsInteger: true,
};
const DIALECTS: Readonly<Record<string, Dialect>> = {
  '2020-12/schema': LATEST,
  '2019-09/schema': { ...LATEST, module: 'ajv/dist/2019.js', exported: 'Ajv2019' },
  'draft-07/schema': { module: 'ajv', exported: 'Ajv', refAlone: true, unknown: ['id'], wholeIsInteger: true },
  'draft-06/schema': {
    module: 'ajv', exported: 'Ajv', refAlone: true, unknown: ['id'], wholeIsInteger: true,
    meta: 'ajv/dist/refs/json-schema-draft-06.json',
  },
  'draft-04/schema': {
    module: 'ajv-draft-04', exported: 'default', refAlone: true, unknown: [], wholeIsInteger: false,
  },
};

/** Throws a start failure that says which value is wrong, or that the schema is. */
export function checkUserOptions({ path, text }: WrittenFile, options: JsonObject, msMax = CHECK_MS_MAX): void {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    throw startFailure(STEPS.files, 'JSONDecodeError', `The user config schema is not valid JSON: ${path}`, cause);
  }
  if (schema === null || isEmpty(schema)) return;
  if (text.length > SCHEMA_CHARS_MAX) throw schemaError(`${path} is longer than ${SCHEMA_CHARS_MAX} characters`);
  if (formatJson(options).length > VALUES_CHARS_MAX) {
    throw startFailure(STEPS.render, 'ValidationError', `more than ${VALUES_CHARS_MAX} characters of values`);
  }
  const problem = inTime(() => check(schema, options), msMax);
  if (problem !== undefined) throw startFailure(STEPS.render, 'ValidationError', problem);
}

function isEmpty(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && Object.keys(schema).length === 0;
}

/** What is wrong with the value; undefined: nothing. */
function check(schema: unknown, value: Json): string | undefined {
  if (schema === true) return undefined;
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    if (schema === false) return `False schema does not allow ${pythonRepr(value)}`;
    throw schemaError(`${pythonRepr(schema as Json)} is not of type 'object', 'boolean'`);
  }
  const dialect = dialectOf(schema);
  const judge = judgeOf(dialect);
  const { $schema: _, ...known } = schema as Readonly<Record<string, unknown>>; // it is an object
  if (judge.validateSchema(known) !== true) throw schemaError(sentenceOf(judge.errors ?? [], schema, 'metaschema'));
  let validate: { (value: unknown): boolean; errors?: ErrorObject[] | null };
  try {
    validate = ajvFor(dialect).compile(withoutNullable(known) as object); // an object stays one
  } catch (cause) {
    throw schemaError(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!validate(judged(value))) return sentenceOf(validate.errors ?? [], schema, 'schema', value);
  if (dialect.wholeIsInteger || validate(judged(value, FRACTION))) return undefined;
  const ofType = (validate.errors ?? []).filter(({ keyword }) => keyword === 'type');
  return ofType.length === 0 ? undefined : sentenceOf(ofType, schema, 'schema', value);
}

/** In the place of a float, it is no integer to anybody. */
const FRACTION = 0.5;

/** With numbers that the package knows. */
function judged(value: Json, float?: number): Json {
  if (value instanceof Float) return float ?? value.value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map((one: Json) => judged(one, float));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, judged(inner, float)]));
}

const OF_NAMES = new Set([
  'properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies',
]);
const OF_DATA = new Set(['const', 'enum', 'default', 'examples']);

/** No dialect knows `nullable`, but the module does. */
function withoutNullable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutNullable);
  if (!isMapping(schema)) return schema;
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== 'nullable').map(([key, value]) => {
    if (OF_DATA.has(key)) return [key, value];
    if (!OF_NAMES.has(key) || !isMapping(value)) return [key, withoutNullable(value)];
    return [key, Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutNullable(inner)]))];
  }));
}

function dialectOf(schema: object): Dialect {
  const uri: unknown = Reflect.get(schema, '$schema');
  const name = typeof uri === 'string' ? /json-schema\.org\/(?:draft\/)?(.*?)#?$/.exec(uri)?.[1] : undefined;
  // As in the field: what is not known is read as the latest.
  return DIALECTS[name ?? ''] ?? LATEST;
}

/** One for a dialect: what it compiles for schemas of schemas is large, and no schema stays in it. */
const judges = new Map<Dialect, Ajv>();

function judgeOf(dialect: Dialect): Ajv {
  const judge = judges.get(dialect) ?? ajvFor(dialect);
  judges.set(dialect, judge);
  return judge;
}

function ajvFor({ module, exported, refAlone, unknown, meta }: Dialect): Ajv {
  const require = createRequire(import.meta.url);
  // What the package's own types say that each of its modules exports.
  const { [exported]: Dialect } = require(module) as Record<string, new (options: Options) => Ajv>;
  if (Dialect === undefined) throw new Error(`${module} exports no ${exported}`);
  const options: Options & { readonly ignoreKeywordsWithRef?: boolean } = {
    strict: false, allErrors: true, verbose: true, validateFormats: false, logger: false, validateSchema: false,
    inlineRefs: false, ...meta === undefined ? {} : { defaultMeta: META_6 }, ignoreKeywordsWithRef: refAlone,
    code: { regExp },
  };
  const ajv = new Dialect(options);
  for (const keyword of unknown) ajv.removeKeyword(keyword);
  if (meta !== undefined) ajv.addMetaSchema(require(meta) as object);
  return ajv;
}

const regExp = Object.assign((text: string): RegExp => {
  try {
    const { source, flags } = readPattern(text);
    return new RegExp(source, flags);
  } catch (cause) {
    throw new SyntaxError(`${pythonRepr(text)} is not a 'regex'`, { cause });
  }
}, { code: 'readPattern' });

function inTime<T>(run: () => T, msMax: number): T {
  let result: { readonly value: T } | undefined;
  const context = createContext({ run: () => { result = { value: run() }; } });
  try {
    new Script('run()').runInContext(context, { timeout: msMax });
  } catch (cause) {
    // An error of the other context is no Error of this one.
    if (!isMapping(cause) || cause['code'] !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw cause;
    throw startFailure(STEPS.render, 'ValidationError', `the values could not be checked within ${msMax / 1000} s:`
      + ' a pattern of the schema takes too long for one of them', cause);
  }
  if (result === undefined) throw new Error('unreachable: it ran, or it has thrown');
  return result.value;
}

function schemaError(message: string, cause?: unknown): Error {
  return startFailure(STEPS.render, 'SchemaError', message, cause);
}
