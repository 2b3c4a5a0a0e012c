// Checks of an identity map: it loads, it says what its author means, and whom it lets in exists.

import { access, constants } from 'node:fs/promises';
import { ComputeError } from '../common/errors.ts';
import { isMapping } from '../common/schema.ts';
import { findAccount, refusalOf, ROOT } from '../supervisor/accounts.ts';
import { loadIdentityMap } from '../supervisor/identity-map.ts';
import { looseness } from '../supervisor/strict-modes.ts';
import { externalCommands, externalFiles } from './endpoint-external-files.ts';
import { failed, failure, ok, warning, type Finding } from './endpoint-finding.ts';
import type { NamedText } from './endpoint-input.ts';

const CHECK = 'identity map';

/** `minimumUid`: config.yaml's. */
export async function checkIdentityMap(
  { path, text }: NamedText, endpointId: string, minimumUid: number,
): Promise<Finding[]> {
  try {
    const { notes } = await loadIdentityMap(path, endpointId);
    const rules = rulesIn(text);
    const doubts = [
      ...notes.map((note) => warning(CHECK, note)), ...rules.flatMap(doubtsOf),
      ...await Promise.all(rules.map((rule) => checkOutput(rule, minimumUid))),
      ...await Promise.all(externalCommands(text).map(checkCommand)),
    ].filter((finding) => finding !== undefined);
    return doubts.length > 0 ? doubts : [ok(CHECK, `${path} loads; switchyard endpoint map tries identities on it`)];
  } catch (error) {
    return [failed(CHECK, error)];
  }
}

export interface Rule {
  readonly source: string;
  readonly match: string;
  readonly output: string;
  readonly literal: boolean;
}

/** Of a file that loads. */
export function rulesIn(text: string): Rule[] {
  return documentsIn(text).flatMap(({ mappings }) => Array.isArray(mappings) ? mappings as unknown[] : [])
    .filter(isMapping).map(({ source, match, output, literal }) => (
      { source: String(source), match: String(match), output: String(output), literal: literal === true }
    ));
}

/** What loads, and is seldom meant. */
export function doubtsOf({ match, output, literal }: Rule): Finding[] {
  const rule = `the mapping of ${JSON.stringify(match)}`;
  if (literal) return [];
  if (match.includes('example.com')) {
    return [warning(CHECK, `${rule} is the example's: nobody is of that domain; put your own there`)];
  }
  const everybody = /^\(?(?:\.\*|\.)\)?$/.test(match);
  if (everybody) {
    return [warning(CHECK, `${rule} takes everybody who can log in to the service, as ${output}: it is open to all`)];
  }
  return hasBareDot(match)
    ? [warning(CHECK, `${rule} has a dot that stands for any character; put a backslash before it (in JSON, two), as in`
      + ` ${JSON.stringify(match.replaceAll(BARE_DOT, '\\.'))}`)] : [];
}

// Neither escaped nor repeated: those that are meant come with a * or a ?.
const BARE_DOT = /(?<!\\)\.(?![*?])/g;

function hasBareDot(match: string): boolean {
  return match.search(BARE_DOT) >= 0;
}

/** One that is the same for everybody can be looked up now. */
async function checkOutput({ match, output }: Rule, minimumUid: number): Promise<Finding | undefined> {
  if (output.includes('{')) return undefined;
  const rule = `the mapping of ${JSON.stringify(match)} to ${JSON.stringify(output)}`;
  try {
    const account = await findAccount(output);
    if (account === undefined) return failure(CHECK, `${rule} is refused: there is no such local account`);
    const refusal = refusalOf(account, { ...ROOT, minimumUid });
    return refusal === undefined ? undefined : failure(CHECK, `${rule} is refused: ${refusal}`);
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    return warning(CHECK, `${rule} could not be looked up: ${error.message}`);
  }
}

async function checkCommand(command: readonly string[]): Promise<Finding | undefined> {
  const [program = ''] = command;
  // Others are looked for in the supervisor's PATH, which may be another than ours.
  if (!program.startsWith('/')) return warning(CHECK, `the command ${program} has no path: write where it is`);
  const isProgram = await access(program, constants.X_OK).then(() => true, () => false);
  if (!isProgram) return failure(CHECK, `the command ${program} is not there, or cannot be executed`);
  for (const file of await externalFiles(command)) {
    const problem = await looseness(file);
    if (problem !== undefined) return failure(CHECK, `the command ${program} would run as root, and ${problem}`);
  }
  return undefined;
}

function documentsIn(text: string): Record<string, unknown>[] {
  const documents: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  return Array.isArray(documents) ? documents.filter(isMapping) : [];
}
