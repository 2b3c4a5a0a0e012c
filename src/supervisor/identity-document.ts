// The identity map's file: a JSON list of mapping documents → mappers.

import { parseJson, type Json } from '../common/json.ts';
import { isMapping, suggest } from '../common/schema.ts';
import { parseExpressions } from './identity-expression.ts';
import { parseExternal } from './identity-external.ts';
import type { IdentityMapper } from './identity-mapper.ts';
import { PatternError } from './identity-pattern.ts';

export interface IdentityDocument {
  readonly mappers: readonly IdentityMapper[];
  /** What loads and can hardly be meant. */
  readonly notes: readonly string[];
}

const EXPRESSION = 'expression_identity_mapping#1.0.0';
const EXTERNAL = 'external_identity_mapping#1.0.0';
const MAPPERS_MAX = 1000;

/** Throws an Error whose name is Python's for it, and whose message says which mapping is wrong. */
export function parseIdentityDocument(text: string, endpointId: string): IdentityDocument {
  const documents = listOf(text);
  const notes: string[] = [];
  const mappers = documents.map((document: unknown, index) => {
    const place = `(index: ${index})`;
    const found: string[] = [];
    try {
      return mapperOf(document, endpointId, found);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new PatternError(`${error.message} ${place}`);
    } finally {
      notes.push(...found.map((note) => `${note} ${place}`));
    }
  });
  if (mappers.length === 0) notes.push('there is no mapping in it: nobody can use the endpoint');
  return { mappers, notes };
}

function listOf(text: string): readonly unknown[] {
  let parsed: Json;
  try {
    parsed = parseJson(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const error = new Error(cause instanceof Error ? cause.message : 'not JSON', { cause });
    error.name = 'JSONDecodeError';
    throw error;
  }
  const documents = parsed ?? [];
  if (!Array.isArray(documents)) throw new PatternError('Invalid mapping or map config: expected a list of mappings');
  if (documents.length > MAPPERS_MAX) throw new PatternError(`Invalid map config: more than ${MAPPERS_MAX} mappers`);
  return documents;
}

function mapperOf(document: unknown, endpointId: string, notes: string[]): IdentityMapper {
  if (!isMapping(document)) throw new PatternError('Invalid mapping or map config: expected an object');
  const { DATA_TYPE: type } = document;
  if (typeof type !== 'string' || type === '') throw new PatternError('Invalid map config: it has no DATA_TYPE');
  switch (type) {
    case EXPRESSION: return parseExpressions(document, notes);
    case EXTERNAL: return parseExternal(document, endpointId);
    default: throw unknownType(type);
  }
}

function unknownType(type: string): PatternError {
  const known = [EXPRESSION, EXTERNAL];
  const [family] = type.split('#', 1);
  const right = known.find((one) => one.startsWith(`${family}#`));
  return new PatternError(right === undefined
    ? `No identity mapper found for: ${type}; there is ${known.join(' and ')}${suggest(type, known)}`
    : `Unsupported DATA_TYPE ${type}: it has to be ${right}`);
}
