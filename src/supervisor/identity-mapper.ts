// What every kind of mapper is asked and answers.

import type { JsonObject } from '../common/json.ts';
import type { Budget } from './identity-matcher.ts';

/** One identity of a set, and the local name that a rule gives it. */
export interface Match {
  /** The rule within its mapper, for people: "mapping 2 of 3, "(.*)@site\\.org" → "{0}"". */
  readonly rule: string;
  readonly identity: JsonObject;
  readonly identityId: string;
  /** Not checked: see accountNameProblem. */
  readonly localName: string;
}

export interface Questions {
  readonly budget: Budget;
  readonly signal: AbortSignal;
}

export interface IdentityMapper {
  readonly type: 'expression' | 'external';
  /** Its class in the field, which log lines name. */
  readonly fieldName: string;
  /** Every match, the first in the order of the rules, and within a rule of the identities, at the front. */
  map(identities: readonly JsonObject[], questions: Questions): Promise<readonly Match[]>;
}
