// Where the inputs of a run come from: a count, a list of values, a file, standard input. Read as the run goes, except
// for a file that can be read twice: that one is read through first, so that a mistake on its last line costs nothing.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeText, misuse } from './failure.ts';
import { linesOf, type Line } from './lines.ts';

/** What tells one set of inputs from another, in plain words: the journal keeps it. */
export type InputsIdentity = Readonly<Record<string, string | number | readonly string[]>>;

export interface Inputs {
  readonly identity: InputsIdentity;
  /** null: nobody knows before the end. */
  readonly total: number | null;
  /** All values, where they are at hand. */
  readonly listed?: readonly string[];
  /** The values in order, in batches. Ends early when `signal` aborts. */
  batches(signal: AbortSignal): AsyncIterable<readonly unknown[]>;
}

const BATCH = 1000;

/** Longer is not a line but the wrong file. */
export const LINE_LENGTH_MAX = 64 * 1024 * 1024;

/** The numbers 0 … count - 1. */
export function countedInputs(count: number): Inputs {
  return {
    identity: { kind: 'count', count },
    total: count,
    batches: async function* numbers(signal) {
      for (let from = 0; from < count && !signal.aborted; from += BATCH) {
        yield Array.from({ length: Math.min(BATCH, count - from) }, (_, at) => from + at);
      }
    },
  };
}

export function listedInputs(identity: InputsIdentity, values: readonly string[]): Inputs {
  return {
    identity,
    total: values.length,
    listed: values,
    batches: async function* slices(signal) {
      for (let from = 0; from < values.length && !signal.aborted; from += BATCH) yield values.slice(from, from + BATCH);
    },
  };
}

/** What the lines of a file are: JSON values, or paths relative to a directory. */
export type LineForm =
  | { readonly type: 'json' }
  | { readonly type: 'paths'; readonly separator: '\n' | '\0'; readonly cwd: string };

/** `path` is '-' for standard input. A file is checked line by line, counted and digested before this resolves. */
export async function lineInputs(path: string, form: LineForm, stdin: NodeJS.ReadableStream): Promise<Inputs> {
  if (path === '-') {
    return {
      identity: { kind: form.type, file: 'standard input' },
      total: null,
      batches: (signal) => valuesOf(abortable(stdin, signal), 'standard input', form),
    };
  }
  const absolute = resolve(path);
  const again = await isRegular(absolute, path);
  const known = again ? await survey(absolute, path, form) : undefined;
  return {
    identity: { kind: form.type, file: absolute, ...(known && { values: known.count, sha256: known.sha256 }) },
    total: known?.count ?? null,
    batches: (signal) => valuesOf(abortable(createReadStream(absolute), signal), path, form),
  };
}

async function isRegular(absolute: string, path: string): Promise<boolean> {
  try {
    const found = await stat(absolute);
    if (!found.isDirectory()) return found.isFile();
  } catch (cause) {
    throw misuse(`cannot read ${path}: ${causeText(cause)}`, cause);
  }
  throw misuse(`cannot read ${path}: it is a directory`);
}

async function survey(absolute: string, path: string, form: LineForm): Promise<{ count: number; sha256: string }> {
  const digest = createHash('sha256');
  let count = 0;
  const chunks = async function* digested(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(absolute, { highWaterMark: 1024 * 1024 })) {
      digest.update(chunk);
      yield chunk;
    }
  };
  for await (const values of valuesOf(chunks(), path, form)) count += values.length;
  return { count, sha256: digest.digest('hex') };
}

async function* valuesOf(chunks: AsyncIterable<Buffer>, name: string, form: LineForm): AsyncGenerator<unknown[]> {
  const separator = form.type === 'json' ? '\n' : form.separator;
  try {
    for await (const lines of linesOf(chunks, { name, separator, lengthMax: LINE_LENGTH_MAX })) {
      yield lines.filter(hasContent).map((line) => valueOf(line, name, form));
    }
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw misuse(`cannot read ${name}: ${causeText(cause)}`, cause);
    throw cause;
  }
}

function hasContent({ text }: Line): boolean {
  return text !== '' && text !== '\r';
}

function valueOf(line: Line, name: string, form: LineForm): unknown {
  // Editors of another system put a byte order mark in front of the first line.
  const { number } = line;
  const text = number === 1 && line.text.startsWith('\uFEFF') ? line.text.slice(1) : line.text;
  if (form.type === 'paths') return resolve(form.cwd, form.separator === '\n' ? text.replace(/\r$/, '') : text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw misuse(`line ${number} of ${name} is not JSON: ${excerpt(text)}`, cause);
  }
}

function excerpt(text: string): string {
  return text.length <= 60 ? text.trim() : `${text.slice(0, 57).trim()}…`;
}

/** The chunks of a stream until it ends or `signal` aborts, whichever is first: a person may stop a run that waits. */
async function* abortable(stream: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => {
    if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
  };
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stream) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
