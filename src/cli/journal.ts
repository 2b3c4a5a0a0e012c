// The journal of a run on disk. What is always true of the file, whenever the process is killed:
// - it starts with the header of its run, or holds nothing that has to be kept;
// - a task is finished when its record is whole and followed by its newline; a result is given out only after that;
// - what a kill or a crash left of an unfinished write is cut off before anything is added.

import { createReadStream } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { lock } from '../common/lock.ts';
import { storageFailed } from './failure.ts';
import {
  checkHeader, decodeRecord, encodeFiles, encodeHeader, encodeRecord, filesRecordOf, finishedOf, type RunIdentity,
} from './journal-record.ts';
import { JSON_LENGTH_MAX } from './json-value.ts';
import { LINE_LENGTH_MAX } from './inputs.ts';
import { linesOf, type Line } from './lines.ts';

/** A record is a value, an input and a few words around them. */
const RECORD_LENGTH_MAX = JSON_LENGTH_MAX + LINE_LENGTH_MAX + 1024 * 1024;

export class Journal {
  readonly path: string;
  readonly #run: RunIdentity;
  readonly #unlock: () => Promise<void>;
  #file: FileHandle;
  /** Up to here the file is whole. */
  #end = 0;
  /** The run was started before: its list of files is `files`, its results come with `restore`. */
  resumed = false;
  files: readonly string[] | undefined;
  /** Lines that are no records although they end: the disk, or somebody, changed them. */
  damaged = 0;

  private constructor(path: string, run: RunIdentity, file: FileHandle, unlock: () => Promise<void>) {
    this.path = path;
    this.#run = run;
    this.#file = file;
    this.#unlock = unlock;
  }

  /** Locks and checks; changes nothing in the file. Throws USAGE when it is in use or belongs to another run. */
  static async open(path: string, run: RunIdentity): Promise<Journal> {
    const unlock = await locked(path);
    let file: FileHandle | undefined;
    try {
      file = await openFile(path);
      const journal = new Journal(path, run, file, unlock);
      await journal.#readFront();
      return journal;
    } catch (error) {
      await file?.close();
      await unlock();
      throw error;
    }
  }

  /** Makes the file that of this run, durably, before its first task starts. */
  async begin(files: readonly string[] | undefined): Promise<void> {
    await this.#attempt(async () => {
      await this.#file.truncate(0);
      this.#end = 0;
      await this.#write(frontText(this.#run, files));
      await syncDirectory(this.path);
    });
  }

  /** Hands out the result lines of the tasks that are finished, in batches, and cuts off a torn end. */
  async restore(take: (lines: readonly string[]) => Promise<void>): Promise<void> {
    for await (const lines of this.#records()) {
      const records = lines.map(({ text }) => decodeRecord(text)).filter((json) => json !== undefined);
      this.damaged += lines.length - records.length;
      await take(records.filter((json) => filesRecordOf(json) === undefined));
    }
    await this.#attempt(() => this.#file.truncate(this.#end));
  }

  /** Adds result lines; resolves once they would survive a crash of the machine. */
  async append(lines: readonly string[]): Promise<void> {
    try {
      await this.#attempt(() => this.#write(lines.map(encodeRecord).join('')));
    } catch (error) {
      // Half a batch on a full disk: the next run would cut it off; doing it now leaves a file that is whole.
      await this.#file.truncate(this.#end).catch(() => { /* the disk has failed: the next run cuts it off */ });
      throw error;
    }
  }

  /** Drops the results of tasks that failed, so that they run again. Before `restore`. */
  async forgetFailed(): Promise<void> {
    const path = `${this.path}.new`;
    await this.#attempt(async () => {
      const next = await open(path, 'w+');
      let end = await writeAll(next, frontText(this.#run, this.files), 0);
      for await (const lines of this.#records()) {
        const records = lines.map(({ text }) => decodeRecord(text)).filter((json) => json !== undefined);
        const kept = records.filter((json) => filesRecordOf(json) === undefined && finishedOf(json).ok);
        end = await writeAll(next, kept.map(encodeRecord).join(''), end);
      }
      await next.datasync();
      await rename(path, this.path);
      await syncDirectory(this.path);
      await this.#file.close();
      this.#file = next;
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#unlock();
  }

  /** Header and list of files. Leaves `resumed` false when no task of this run can have started. */
  async #readFront(): Promise<void> {
    const files: string[] = [];
    let number = 0;
    for await (const lines of this.#lines()) {
      for (const line of lines) {
        number += 1;
        if (number === 1) {
          if (!line.ended && encodeHeader(this.#run).startsWith(line.text)) return;
          checkHeader(this.path, line.text, this.#run);
          if (this.#run.inputs['kind'] === 'files') continue;
          this.resumed = true;
          return;
        }
        if (!line.ended) return;
        const record = filesRecordOf(decodeRecord(line.text) ?? '');
        if (record === undefined) throw storageFailed(`${this.path} is of no use`, 'its list of files is damaged');
        if ('files' in record) files.push(...record.files);
        else {
          this.files = files;
          this.resumed = true;
          return;
        }
      }
    }
  }

  /** The whole lines behind the header. */
  async* #records(): AsyncGenerator<readonly Line[]> {
    for await (const lines of this.#lines()) yield lines.filter(({ ended, number }) => ended && number > 1);
  }

  async* #lines(): AsyncGenerator<readonly Line[]> {
    const chunks = this.#chunks();
    yield* linesOf(chunks, { name: this.path, separator: '\n', lengthMax: RECORD_LENGTH_MAX });
  }

  async* #chunks(): AsyncGenerator<Buffer> {
    let position = 0;
    try {
      for await (const chunk of createReadStream(this.path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
        const newline = chunk.lastIndexOf(0x0a);
        if (newline >= 0) this.#end = position + newline + 1;
        position += chunk.length;
        yield chunk;
      }
    } catch (cause) {
      throw storageFailed(`cannot read the journal ${this.path}`, cause);
    }
  }

  async #write(text: string): Promise<void> {
    const end = await writeAll(this.#file, text, this.#end);
    await this.#file.datasync();
    this.#end = end;
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (cause) {
      throw storageFailed(`cannot write the journal ${this.path}`, cause);
    }
  }
}

function frontText(run: RunIdentity, files: readonly string[] | undefined): string {
  return encodeHeader(run) + (files === undefined ? '' : encodeFiles(files));
}

/** Resolves to where the text ends. */
async function writeAll(file: FileHandle, text: string, position: number): Promise<number> {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
  return position + bytes.length;
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Not 'a': a position would be ignored, and a torn end is written over. Not 'w': that empties it.
    return await open(path, 'r+').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return open(path, 'wx+');
      throw cause;
    });
  } catch (cause) {
    throw storageFailed(`cannot open the journal ${path}`, cause, true);
  }
}

/** A new name in a directory survives a crash only once the directory is written, too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function locked(path: string): Promise<() => Promise<void>> {
  try {
    return await lock(`${path}.lock`, { thing: 'journal', user: 'run' });
  } catch (error) {
    if (!(error instanceof ComputeError) || error.code !== 'STORAGE_FAILED') throw error;
    throw storageFailed(error.message, error.cause, true);
  }
}
