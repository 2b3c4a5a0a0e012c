// An identity set and the mappers of a map → who it is here.

import type { JsonObject } from '../common/json.ts';
import { failureOf } from './identity-external.ts';
import type { IdentityMapper, Questions } from './identity-mapper.ts';

export interface Mapped {
  readonly identityId: string;
  /** As the service sent it. */
  readonly identity: JsonObject;
  /** As the rule made it: whether there can be such an account, and is, says findAccount. */
  readonly localName: string;
  /** Which mapper, and which mapping of it. */
  readonly rule: string;
}

export interface Lookup {
  /** The first mapper's first mapping that matched, and there the first identity. Without one it is nobody's. */
  readonly chosen?: Mapped;
  /** Whatever matched, the chosen one first. A command is not asked any more when something has. */
  readonly candidates: readonly Mapped[];
  /** One sentence for each mapper that failed, and so matched nothing. */
  readonly failures: readonly string[];
}

/** For one lookup, over all rules and identities: a fraction of a second. */
const STEPS_MAX = 2_000_000;
const IDENTITIES_MAX = 1_000;

/** Never throws. */
export async function lookUp(
  mappers: readonly IdentityMapper[], identitySet: readonly JsonObject[], signal: AbortSignal,
): Promise<Lookup> {
  const questions: Questions = { budget: { steps: STEPS_MAX }, signal };
  const identities = identitySet.slice(0, IDENTITIES_MAX);
  const candidates: Mapped[] = [];
  const failures: string[] = [];
  // One after the other: whether the next is asked depends on what the last one said.
  for (const [i, mapper] of mappers.entries()) {
    if (mapper.type === 'external' && candidates.length > 0) continue;
    const title = `mapper ${i + 1} of ${mappers.length} (${mapper.type})`;
    try {
      const matches = await mapper.map(identities, questions);
      candidates.push(...matches.map((match) => ({ ...match, rule: `${title}, ${match.rule}` })));
    } catch (error) {
      failures.push(`Identity mapper ${i + 1} [of ${mappers.length}] (${mapper.fieldName}) failed -- `
        + failureOf(error));
    }
  }
  const [chosen] = candidates;
  return { ...chosen === undefined ? {} : { chosen }, candidates, failures };
}
