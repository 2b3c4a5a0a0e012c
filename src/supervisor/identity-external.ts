// External mappings: a command of the administrator's is asked. It runs as whoever runs the supervisor, and what it
// reads was written by strangers: no shell, an environment of its own, little time, little output.

import { ComputeError } from '../common/errors.ts';
import { exec, type Output } from '../common/exec.ts';
import { formatJson, isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import { quoteAll } from '../common/quote.ts';
import type { IdentityMapper, Match } from './identity-mapper.ts';
import { PatternError } from './identity-pattern.ts';

/** The field's name for accounts of a POSIX system. */
const CONNECTOR_ID = '145812c8-decc-41f1-83cf-bb2a85a2a70b';
const INPUT_TYPE = 'identity_mapping_input#1.0.0';
const OUTPUT_TYPE = 'identity_mapping_output#1.0.0';
const TIMEOUT_MS = 5_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** Of what it printed, in a message. */
const SHOWN_CHARS_MAX = 400;
/** So many run at the same time; who comes later waits. */
const RUNNING_MAX = 8;
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

/** It ran, and what came of it is no mapping. The message has nothing of the identities. */
class ExternalFailure extends Error {
  override readonly name = 'IdentityMappingError';
}

/** `endpointId`: which endpoint asks. Throws a PatternError. */
export function parseExternal(
  document: Readonly<Record<string, unknown>>, endpointId: string, timeoutMs = TIMEOUT_MS,
): IdentityMapper {
  const { command } = document;
  const isWord = (word: unknown): boolean => typeof word === 'string' || typeof word === 'number';
  if (!Array.isArray(command) || command.length === 0 || !command.every(isWord)) {
    throw new PatternError('command: expected a list of texts, the first of which is the program');
  }
  const [program = '', ...words] = command.map(String);
  if ([program, ...words].some((word) => word.includes('\0'))) throw new PatternError('command: there is a NUL in it');
  const argv = [program, ...words, '-c', CONNECTOR_ID, '-s', endpointId, '-a'] as const;
  const turns = new Turns(RUNNING_MAX);
  return {
    type: 'external', fieldName: 'ExternalIdentityMapping',
    map: (identities, { signal }) => turns.take(async () => {
      const input = formatJson({ DATA_TYPE: INPUT_TYPE, identities });
      const output = await exec(argv, {
        timeoutMs, cwd: '/', env: ENVIRONMENT, input, signal, outputBytesMax: OUTPUT_BYTES_MAX,
      });
      return matchesOf(argv, output, identities);
    }),
  };
}

function matchesOf(argv: readonly string[], output: Output, identities: readonly JsonObject[]): Match[] {
  const { code, signal, stdout, stderr } = output;
  const failed = (what: string): ExternalFailure => new ExternalFailure(
    `${what}\n    command: ${quoteAll(argv)}${stderr === '' ? '' : `\n     stderr: ${shown(stderr)}`}`,
  );
  if (code !== 0) throw failed(`Error mapping identities\n  exit code: ${code ?? `none, ${signal}`}`);
  if (stdout.trim() === '') return [];
  const result = resultOf(stdout);
  if (result === undefined) {
    throw failed('The mapping application yielded an invalid result: expected '
      + `{"DATA_TYPE": "${OUTPUT_TYPE}", "result": [{"id": "…", "output": "…"}, …]}`);
  }
  const known = new Map(identities.map((identity) => [idOf(identity['id']), identity]));
  return result.map(({ id, output: localName }) => {
    const identity = known.get(id);
    if (identity === undefined) throw failed('Invalid ID in result: it was not asked for');
    return { rule: `command ${quoteAll(argv.slice(0, -5))}`, identity, identityId: id, localName };
  });
}

interface Result {
  readonly id: string;
  readonly output: string;
}

/** undefined: it is not what such a program has to print. */
function resultOf(stdout: string): readonly Result[] | undefined {
  let document: Json;
  try {
    document = parseJson(stdout);
  } catch {
    return undefined; // cut, or no JSON
  }
  if (!isJsonObject(document) || (document['DATA_TYPE'] ?? OUTPUT_TYPE) !== OUTPUT_TYPE) return undefined;
  const { result = [] } = document;
  if (!Array.isArray(result)) return undefined;
  const results = result.map((one: Json): Result | undefined => {
    if (!isJsonObject(one)) return undefined;
    const [id, output] = [idOf(one['id']), one['output']];
    return id === undefined || typeof output !== 'string' ? undefined : { id, output };
  });
  return results.every((one) => one !== undefined) ? results : undefined;
}

function idOf(id: Json | undefined): string | undefined {
  return typeof id === 'string' ? id.toLowerCase() : undefined;
}

/** On one line, and nothing in it that a terminal obeys. */
function shown(text: string): string {
  const line = JSON.stringify(text.trim());
  return line.length > SHOWN_CHARS_MAX ? `${line.slice(0, SHOWN_CHARS_MAX)}…` : line;
}

/** Lets so many at a time. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => { this.#waiting.push(resolve); });
    else this.#free--;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** The sentence for a mapper that failed: "(Type) what happened". */
export function failureOf(error: unknown): string {
  if (error instanceof ComputeError) {
    const isLate = error.cause === undefined && error.details['started'] === undefined;
    const kind = isLate ? 'TimeoutExpired' : 'OSError';
    const { command } = error.details;
    return `(${kind}) ${error.message}${typeof command === 'string' ? `\n    command: ${command}` : ''}`;
  }
  return error instanceof Error ? `(${error.name}) ${error.message}` : String(error);
}
