// The journal's text. Every record is one line: eight hex digits of CRC-32, a space, JSON. The first says which run it
// is; lists of files follow if the run has them; then one result line per finished task, in the order they finished.
// A line that does not match its CRC is not a record, wherever it stands: its task runs again. Pure.

import CRC32 from 'crc-32';
import { isDeepStrictEqual } from 'node:util';
import { misuse } from './failure.ts';
import type { FailureKind } from './summary.ts';

/** What a run is, as far as a resumed one must be the same. Plain JSON. */
export interface RunIdentity {
  readonly function: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
}

const MAGIC = 'switchyard run';
const VERSION = 1;

export function encodeRecord(json: string): string {
  return `${crcOf(json)} ${json}\n`;
}

/** A line without its newline → its JSON text, or undefined where it is not a whole record. */
export function decodeRecord(line: string): string | undefined {
  const json = line.slice(9);
  return line[8] === ' ' && line.slice(0, 8) === crcOf(json) ? json : undefined;
}

function crcOf(json: string): string {
  return inputCrc(json).toString(16).padStart(8, '0');
}

export function encodeHeader(run: RunIdentity): string {
  return encodeRecord(JSON.stringify({ journal: MAGIC, version: VERSION, ...run }));
}

/** Refuses a journal of another run, and names what differs. `line` is the file's first. */
export function checkHeader(path: string, line: string, run: RunIdentity): void {
  const json = decodeRecord(line);
  const header: unknown = json === undefined ? undefined : JSON.parse(json);
  if (!isHeader(header)) throw misuse(`${path} is not a journal of switchyard run: name another file after --journal`);
  if (header.version !== VERSION) {
    throw misuse(`${path} was written by another version of switchyard (journal version ${header.version})`);
  }
  const difference = differenceOf(header, run);
  if (difference !== undefined) {
    throw misuse(`${path} belongs to another run: ${difference}. Name another journal, or remove this one`);
  }
}

function isHeader(header: unknown): header is RunIdentity & { readonly version: number } {
  return typeof header === 'object' && header !== null && 'journal' in header && header.journal === MAGIC;
}

function differenceOf(before: RunIdentity, now: RunIdentity): string | undefined {
  for (const part of ['function', 'inputs'] as const) {
    const [old, current] = [before[part], now[part]];
    for (const key of new Set([...Object.keys(old), ...Object.keys(current)])) {
      if (isDeepStrictEqual(old[key], current[key])) continue;
      const whose = part === 'inputs' ? 'inputs have' : 'function has';
      return `its ${whose} ${key} ${shown(old[key])}, not ${shown(current[key])}`;
    }
  }
  return undefined;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'none' : JSON.stringify(value);
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}

/** One finished task, as far as a resumed run must know it. */
export interface Finished {
  readonly index: number;
  readonly ok: boolean;
  /** CRC-32 of the input's JSON text. */
  readonly input: number;
}

export function finishedOf(json: string): Finished {
  // The CRC says that we wrote it, and we write no other form.
  const record = JSON.parse(json) as { index: number; ok: boolean; input: unknown };
  return { index: record.index, ok: record.ok, input: inputCrc(JSON.stringify(record.input)) };
}

/** Why the task of a result line failed; undefined when it did not. */
export function errorIn(json: string): FailureKind | undefined {
  return (JSON.parse(json) as { error?: FailureKind }).error;
}

/** CRC-32 of the text in UTF-8. */
export function inputCrc(json: string): number {
  return CRC32.str(json) >>> 0;
}

const FILES_PER_RECORD = 1000;

/** The list of files of a run: it is kept, as the run itself may add files where they were found. */
export function encodeFiles(paths: readonly string[]): string {
  let text = '';
  for (let from = 0; from < paths.length; from += FILES_PER_RECORD) {
    text += encodeRecord(JSON.stringify({ files: paths.slice(from, from + FILES_PER_RECORD) }));
  }
  return text + encodeRecord(JSON.stringify({ filesEnd: paths.length }));
}

export type FilesRecord = { readonly files: readonly string[] } | { readonly filesEnd: number };

/** A record of the list, or undefined for any other. */
export function filesRecordOf(json: string): FilesRecord | undefined {
  return json.startsWith('{"files') ? JSON.parse(json) as FilesRecord : undefined;
}
