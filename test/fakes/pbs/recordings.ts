// Outputs of a real PBS server, kept word for word.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Output } from '../../../src/common/exec.ts';

export interface Recording {
  readonly name: string;
  readonly argv: readonly string[];
  readonly user: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FOLDER = new URL('../../../../test/fixtures/pbs/', import.meta.url);

export function fixture(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, FOLDER)), 'utf8');
}

export const RECORDINGS: readonly Recording[] = fixture('openpbs-23.06.06.jsonl').trim().split('\n')
  .map((line) => JSON.parse(line) as Recording); // the file's lines are such

export function recording(name: string): Recording {
  const found = RECORDINGS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no recording ${name}`);
  return found;
}

/** As our own runs of commands tell it. */
export function outputOf({ exitCode, stdout, stderr }: Recording): Output {
  return { code: exitCode, signal: null, stdout, stderr };
}
