// Unknown data → checked and complete data, or an error that tells a person which key to change and how.
// ajv is loaded with the first value that is parsed: a process that parses nothing does not pay for it.

import { createRequire } from 'node:module';
import { closest, distance } from 'fastest-levenshtein';
import type { ErrorObject, JSONSchemaType, ValidateFunction } from 'ajv';
import { ComputeError } from './errors.ts';

/**
 * A JSON Schema that TypeScript checks against T. `default` fills a missing key, so a key with one is not `required`.
 * `description` is what an error says is expected ("a walltime like 01:30:00"). Objects refuse keys they do not name.
 */
export type { JSONSchemaType as Schema } from 'ajv';

/**
 * Returns a function that checks a value, fills in defaults and gives back a copy. `what` is the path of the value as
 * its author knows it ("engine.provider"). Throws CONFIG_INVALID with one line per problem. A text that can only be
 * read as a number is taken for one where a number is due: template engines make texts of everything.
 */
export function parser<T>(what: string, schema: JSONSchemaType<T>): (value: unknown) => T {
  let validate: ValidateFunction<T> | undefined;
  return (value) => {
    validate ??= compile(schema);
    const copy: unknown = structuredClone(value);
    // Ends: every round turns at least one text into a number.
    while (!validate(copy)) {
      const errors = validate.errors ?? [];
      if (!readNumbers(copy, errors)) throw invalid(problems(what, errors));
    }
    return copy;
  };
}

/** CONFIG_INVALID with one line per problem, each starting with the key's full path. */
export function invalid(lines: readonly string[]): ComputeError {
  return new ComputeError('CONFIG_INVALID', lines.join('\n'), { details: { problems: lines } });
}

/** "; did you mean X?", or nothing when no option is near. */
export function suggest(word: string, options: readonly string[]): string {
  const longer = options.find((option) => word.length >= 4 && (option.startsWith(word) || word.startsWith(option)));
  const near = options.length === 0 ? undefined : closest(word, options);
  const close = near !== undefined && distance(word.toLowerCase(), near.toLowerCase()) <= Math.max(2, word.length / 3);
  const meant = close ? near : longer;
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** A copy of plain data without the keys that are null: an empty key in a file means its default. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMapping(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface Types<T extends string> {
  readonly known: readonly T[];
  /** What a mapping without a `type` is. */
  readonly fallback: T;
  /** The field's types that this house has no code for: they get an honest answer instead of a guess. */
  readonly planned: readonly string[];
}

/** A mapping's `type`, which decides what its other keys may be, and those other keys. */
export function tagged<T extends string>(
  what: string, value: unknown, types: Types<T>,
): { readonly type: T; readonly keys: Record<string, unknown> } {
  if (!isMapping(value)) throw invalid([`${what}: expected a mapping with a type, found ${found(value)}`]);
  const { type: tag = types.fallback, ...keys } = value;
  const type = types.known.find((known) => known === tag);
  if (type !== undefined) return { type, keys };
  const options = types.known.join(', ');
  const word = typeof tag === 'string' ? tag : '';
  throw invalid([types.planned.includes(word)
    ? `${what}.type: ${word} is not there yet; there is ${options}`
    : `${what}.type: ${found(tag)} is not one of ${options}${suggest(word, types.known)}`]);
}

function compile<T>(schema: JSONSchemaType<T>): ValidateFunction<T> {
  // The cast names what the package's own types say that the module exports.
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof import('ajv');
  // The compiler has checked the schema: checking it again by its own schema would cost a third of a program's start.
  const unchecked = { meta: false, validateSchema: false } as const;
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, allowUnionTypes: true, ...unchecked });
  // Closing adds only `additionalProperties: false`, so it is the schema of T still.
  return ajv.compile(closed(schema) as JSONSchemaType<T>);
}

/** The schema with every object that lists its keys closed to others. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!isMapping(schema)) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) =>
    [key, key === 'default' || key === 'const' || key === 'enum' ? value : closed(value)]));
  return isMapping(schema['properties']) ? { additionalProperties: false, ...inner } : inner;
}

const NUMERIC = /^[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Replaces texts that stand where a number is due, in place. False when there was none. */
function readNumbers(root: unknown, errors: readonly ErrorObject[]): boolean {
  let changed = false;
  for (const { keyword, params, data, instancePath } of errors) {
    const types = [params['type']].flat();
    const numberDue = keyword === 'type' && (types.includes('number') || types.includes('integer'));
    if (!numberDue || typeof data !== 'string' || !NUMERIC.test(data)) continue;
    const keys = pointer(instancePath);
    const last = keys.pop();
    const parent = keys.reduce<unknown>((at, key) => child(at, key), root);
    if (last === undefined || typeof parent !== 'object' || parent === null) continue;
    Reflect.set(parent, last, Number(data));
    changed = true;
  }
  return changed;
}

function child(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function pointer(instancePath: string): string[] {
  return instancePath.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function problems(what: string, errors: readonly ErrorObject[]): string[] {
  const lines = telling(errors).map((error) => {
    const path = pointer(error.instancePath).map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${key}`)).join('');
    return `${what}${path}: ${problem(error)}`;
  });
  return [...new Set(lines)];
}

/**
 * A value that fits no branch of an `anyOf` makes errors for every branch. What helps is those of the one branch whose
 * type it has, or, if there is none, the one line that it fits nothing.
 */
function telling(errors: readonly ErrorObject[]): ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf');
  return errors.filter((error) => unions.every((union) => {
    const branches: unknown[] = Array.isArray(union.schema) ? union.schema : [];
    const fitting = branches.findIndex((branch) => isMapping(branch) && branch['type'] === typeOf(union.data));
    if (error === union) return fitting < 0;
    const inside = error.schemaPath.startsWith(`${union.schemaPath}/`);
    return !inside || (fitting >= 0 && error.schemaPath.startsWith(`${union.schemaPath}/${fitting}/`));
  }));
}

function problem(error: ErrorObject): string {
  const { keyword, params, data, schema } = error;
  const expected: unknown = error.parentSchema?.['description'];
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      return `unknown key ${key}${suggest(key, Object.keys(error.parentSchema?.['properties'] ?? {}))}`;
    }
    case 'required':
      return `${String(params['missingProperty'])} is missing`;
    case 'enum': {
      const options = (Array.isArray(schema) ? schema : []).filter((option) => option !== null).map(String);
      const near = typeof data === 'string' ? suggest(data, options) : '';
      return `${found(data)} is not one of ${options.join(', ')}${near}`;
    }
    default: {
      if (typeof expected === 'string') return `expected ${expected}, found ${found(data)}`;
      if (keyword !== 'type') return `${error.message ?? 'does not fit'}, found ${found(data)}`;
      return `expected ${typeName(params['type'])}, found ${found(data)}${advice(params, data)}`;
    }
  }
}

function advice(params: Record<string, unknown>, data: unknown): string {
  return params['type'] === 'string' && (typeof data === 'number' || typeof data === 'boolean')
    ? '; put it in quotes to make it text' : '';
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text', number: 'a number', integer: 'a whole number', boolean: 'true or false', array: 'a list',
  object: 'a mapping', null: 'nothing',
};

function typeName(type: unknown): string {
  const names = [type].flat().map(String).filter((name) => name !== 'null');
  return names.map((name) => TYPE_NAMES[name] ?? name).join(' or ');
}

/** What is there, on one line and short. */
function found(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
