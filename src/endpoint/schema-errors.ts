// What a schema refuses, in the sentences of Python's jsonschema, which the users of the field know: of all that is
// wrong the one thing that tells most, where the schema says so, and where the value is. Pure.

import { isJsonObject, type Json } from '../common/json.ts';
import { isMapping } from '../common/schema.ts';
import { pythonRepr } from './python-repr.ts';
import { wordsOf, type SchemaProblem } from './schema-words.ts';

/** `container`: how the schema is called: it may be a schema of schemas. `value`: what was checked, to print it. */
export function sentenceOf(
  errors: readonly SchemaProblem[], schema: object, container: 'schema' | 'metaschema', value?: Json,
): string {
  const all = withoutEchoes(errors).sort((a, b) => compare(placeIn(schema, a), placeIn(schema, b)));
  const found = telling(all);
  if (found === undefined) return 'the values do not fit the schema';
  const best = value === undefined ? found : asPrinted(found, value);
  const where = pointer(best.schemaPath.slice(best.schemaPath.indexOf('#') + 1)).slice(0, -1);
  const at = pointer(best.instancePath);
  return [
    wordsOf(best, all), '', `Failed validating ${pythonRepr(best.keyword)} in ${indexed(container, where)}:`,
    `    ${pythonRepr(best.parentSchema)}`, '',
    `On ${indexed(container === 'schema' ? 'instance' : 'schema', at)}:`, `    ${pythonRepr(best.data as Json)}`,
  ].join('\n');
}

function indexed(container: string, path: readonly string[]): string {
  return container + path.map((key) => `[${/^\d+$/.test(key) ? key : pythonRepr(key)}]`).join('');
}

function pointer(text: string): string[] {
  return text.split('/').slice(1).map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A name of a property is a value of its own, which is nowhere in the values. */
function asPrinted(problem: SchemaProblem, value: Json): SchemaProblem {
  if (problem.propertyName !== undefined) return problem;
  return { ...problem, data: valueAt(value, pointer(problem.instancePath)) };
}

function valueAt(value: Json, path: readonly string[]): Json {
  return path.reduce<Json>((inner, key) => {
    if (Array.isArray(inner)) return (inner as readonly Json[])[Number(key)] ?? null;
    return isJsonObject(inner) ? inner[key] ?? null : null;
  }, value);
}

/** Errors that only say that there is another: what was tried on each item, or why a branch was taken. */
function withoutEchoes(errors: readonly SchemaProblem[]): SchemaProblem[] {
  const contains = errors.filter(({ keyword }) => keyword === 'contains');
  return errors.filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames'
    && !contains.some((one) => error !== one && isWithin(error, one)));
}

function isWithin(inner: SchemaProblem, outer: SchemaProblem): boolean {
  return inner.schemaPath.startsWith(`${outer.schemaPath}/`) && inner.instancePath.startsWith(outer.instancePath);
}

function isUnion({ keyword }: SchemaProblem): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf';
}

/** The one that is nearest to the top; of a union, what is wrong with the branch that fits best. */
function telling(errors: readonly SchemaProblem[]): SchemaProblem | undefined {
  const unions = errors.filter(isUnion);
  const outermost = errors.filter((error) => !unions.some((union) => union !== error && isWithin(error, union)));
  let best = most(outermost, '');
  while (best !== undefined && isUnion(best)) {
    const union: SchemaProblem = best;
    const inner = errors.filter((error) => error !== union && isWithin(error, union)
      && !unions.some((other) => other !== union && other !== error && isWithin(other, union)
        && isWithin(error, other)));
    const ranks = inner.map((error) => rank(error, union.instancePath));
    const [least] = [...ranks].sort(compare);
    // Where two tell as much, neither is better than the union itself.
    const leading = inner.filter((_, i) => least !== undefined && compare(ranks[i] ?? [], least) === 0);
    if (leading.length !== 1) return union;
    best = leading[0];
  }
  return best;
}

type Rank = readonly (number | string)[];

function most(errors: readonly SchemaProblem[], from: string): SchemaProblem | undefined {
  return errors.reduce<SchemaProblem | undefined>((best, error) =>
    (best === undefined || compare(rank(error, from), rank(best, from)) > 0 ? error : best), undefined);
}

function rank(error: SchemaProblem, from: string): Rank {
  const path = pointer(error.instancePath.slice(from.length));
  return [-path.length, path.join('\0'), isUnion(error) ? 0 : 1, 0, hasItsType(error) ? 0 : 1];
}

function hasItsType({ parentSchema, data }: SchemaProblem): boolean {
  const types = [parentSchema?.['type']].flat();
  return types.map(String).some((type) => {
    switch (type) {
      case 'string': case 'boolean': case 'number': return typeof data === type;
      case 'integer': return Number.isInteger(data);
      case 'null': return data === null;
      case 'array': return Array.isArray(data);
      case 'object': return isMapping(data);
      default: return false;
    }
  });
}

/** Where in the schema it stands, as the schema is written. */
function placeIn(schema: object, { schemaPath }: SchemaProblem): Rank {
  let at: unknown = schema;
  return pointer(schemaPath.slice(schemaPath.indexOf('#') + 1)).map((key) => {
    if (typeof at !== 'object' || at === null) return 0;
    const place = Object.keys(at).indexOf(key);
    at = Reflect.get(at, key);
    return place;
  });
}

function compare(one: Rank, other: Rank): number {
  for (const [i, left] of one.entries()) {
    const right = other[i];
    if (right === undefined) return 1;
    if (left !== right) return left < right ? -1 : 1;
  }
  return one.length - other.length;
}
