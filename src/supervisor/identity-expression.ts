// Expression mappings: a text made of an identity's fields is compared with a pattern, and a match makes a local name.

import type { JsonObject } from '../common/json.ts';
import { isMapping, suggest } from '../common/schema.ts';
import { fill, parseFormat, type Format } from './identity-format.ts';
import type { IdentityMapper, Match, Questions } from './identity-mapper.ts';
import { matcherOf, matchWhole, type Matcher } from './identity-matcher.ts';
import { literalPattern, parsePattern, PatternError } from './identity-pattern.ts';

export interface Rule {
  /** For people. */
  readonly title: string;
  readonly source: Format;
  readonly matcher: Matcher;
  readonly output: Format;
}

/** Longer than any name or address is; it matches nothing. */
const SOURCE_CHARS_MAX = 1024;
const MAPPINGS_MAX = 10_000;
/** Only these may be somebody who has logged in; the field passes over the others, too. */
const STATUSES: readonly unknown[] = ['used', 'private'];

const KEYS = ['source', 'match', 'output', 'ignore_case', 'literal'];

/** `notes`: what loads and can hardly be meant. Throws a PatternError, which says which mapping is wrong and how. */
export function parseExpressions(
  document: Readonly<Record<string, unknown>>, notes: string[],
): IdentityMapper {
  const { mappings } = document;
  if (!Array.isArray(mappings)) throw new PatternError('mappings: expected a list of mappings');
  if (mappings.length > MAPPINGS_MAX) {
    throw new PatternError(`mappings: more than ${MAPPINGS_MAX}; an external mapping can look names up in a file`);
  }
  const rules = mappings.map((mapping: unknown, i) => {
    const place = `mapping ${i + 1} of ${mappings.length}`;
    try {
      return parseRule(mapping, place, notes);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new PatternError(`${place}: ${error.message}`);
    }
  });
  return {
    type: 'expression', fieldName: 'ExpressionIdentityMapping',
    // Asynchronous, so that what it throws is the promise's.
    map: async (identities, questions) => applyRules(rules, identities, questions),
  };
}

function parseRule(mapping: unknown, place: string, notes: string[]): Rule {
  if (!isMapping(mapping)) throw new PatternError('expected an object with source, match and output');
  for (const key of Object.keys(mapping)) {
    const meant = KEYS.includes(key) ? '' : suggest(key, KEYS);
    if (meant !== '') notes.push(`${place}: the key ${key} has no effect${meant}`);
  }
  const text = (key: string): string => {
    const value = mapping[key];
    if (typeof value !== 'string') throw new PatternError(`${key}: expected text`);
    return value;
  };
  const flag = (key: string): boolean => {
    const value = mapping[key] ?? false;
    if (typeof value !== 'boolean') throw new PatternError(`${key}: expected true or false`);
    return value;
  };
  const [match, output] = [text('match'), text('output')];
  const pattern = flag('literal') ? literalPattern(match) : parsePattern(match);
  return {
    title: `${place}, ${JSON.stringify(match)} → ${JSON.stringify(output)}`,
    source: parseFormat(text('source'), 0),
    matcher: matcherOf(pattern, flag('ignore_case')),
    output: parseFormat(output, pattern.groups),
  };
}

function applyRules(rules: readonly Rule[], identities: readonly JsonObject[], { budget }: Questions): Match[] {
  const known = identities.filter(({ status }) => STATUSES.includes(status));
  return rules.flatMap((rule) => known.flatMap((identity) => {
    const { id: identityId } = identity;
    const source = fill(rule.source, identity, []);
    if (typeof identityId !== 'string' || source === undefined || source.length > SOURCE_CHARS_MAX) return [];
    const captures = matchWhole(rule.matcher, source, budget);
    const localName = captures === undefined ? undefined : fill(rule.output, identity, captures);
    return localName === undefined ? [] : [{ rule: rule.title, identity, identityId, localName }];
  }));
}
