// The file of a run on disk: every line of blocks/records.ts that it wrote, in its folder, for its owner's eyes only.

import { open, readFile, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError } from '../src/common/errors.ts';
import { stateOf, thisProcess, type Holder } from '../src/common/holder.ts';
import type { BlockId } from '../src/common/protocol.ts';
import {
  encodeLine, readRecords, type BlockNotes, type RecordLine, type RunHeader, type RunRecord,
} from './blocks/records.ts';
import type { Job, JobState } from '../providers/provider.ts';

const NAME = 'run.jsonl';

export class RunFile implements BlockNotes {
  readonly path: string;
  readonly #file: FileHandle;
  /** One write after the other, so that lines stay whole. */
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async create(folder: string, header: RunHeader): Promise<RunFile> {
    const path = join(folder, NAME);
    const run = new RunFile(path, await opened(path, 'ax'));
    await run.#add([{ type: 'run', header }, ownerLine()], false);
    return run;
  }

  /** Claims a run whose process is gone; undefined when another process has it, or claimed it first. */
  static async claim(folder: string): Promise<RunFile | undefined> {
    const path = join(folder, NAME);
    const run = new RunFile(path, await opened(path, 'a'));
    await run.#add([ownerLine()], true);
    // Whoever else claims it does the same, and both read one order of lines: the first of the living has it.
    const own = thisProcess();
    const owner = ownerOf(await readRun(folder));
    if (owner !== undefined && owner.pid === own.pid && owner.started === own.started) return run;
    await run.release();
    return undefined;
  }

  port(managerPort: number): Promise<void> {
    return this.#add([{ type: 'port', managerPort }], false);
  }

  /**
   * With the system before the scheduler is asked, so it outlives this process; on the disk with `submitted`, which
   * comes next. A busy disk would take hundreds of milliseconds.
   */
  intended(block: BlockId, name: string, folder: string, atMs: number): Promise<void> {
    return this.#add([{ type: 'intended', block, name, folder, atMs }], false);
  }

  submitted(block: BlockId, job: Job): Promise<void> {
    return this.#add([{ type: 'submitted', block, job }], true);
  }

  serving(block: BlockId, managers: number, workers: number): void {
    this.#note({ type: 'serving', block, managers, workers });
  }

  ended(block: BlockId, state: JobState): void {
    this.#note({ type: 'ended', block, state });
  }

  async close(atMs: number): Promise<void> {
    await this.#add([{ type: 'closed', atMs }], false).catch(() => { /* its owner's end will say the same */ });
    await this.release();
  }

  /** Writes no more; the run stays as it is noted. */
  async release(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }

  /** What is lost with these only costs a question to the scheduler. */
  #note(line: RecordLine): void {
    void this.#add([line], false).catch(() => { /* the next line that matters says that the disk has failed */ });
  }

  #add(lines: readonly RecordLine[], durable: boolean): Promise<void> {
    const written = this.#last.then(async () => {
      try {
        await this.#file.appendFile(lines.map(encodeLine).join(''));
        if (durable) await this.#file.datasync();
      } catch (cause) {
        throw failed('write', this.path, cause);
      }
    });
    this.#last = written.catch(() => { /* told to whoever asked for it */ });
    return written;
  }
}

/** Undefined where there is no run that we could read. */
export async function readRun(folder: string): Promise<RunRecord | undefined> {
  try {
    return readRecords(await readFile(join(folder, NAME), 'utf8'));
  } catch {
    return undefined; // no such file, or somebody else's
  }
}

export interface FoundRun {
  /** The folder's name: what people call the run. */
  readonly name: string;
  readonly folder: string;
  readonly record: RunRecord;
}

/** Every run in a directory, the oldest first. */
export async function findRuns(directory: string): Promise<FoundRun[]> {
  const names = (await readdir(directory).catch((): string[] => [])).toSorted((a, b) => (a < b ? -1 : 1));
  const found = await Promise.all(names.map(async (name): Promise<FoundRun[]> => {
    const folder = join(directory, name);
    const record = await readRun(folder);
    return record === undefined ? [] : [{ name, folder, record }];
  }));
  return found.flat();
}

/** Who has a run: the first of its claimants that lives, or else may live elsewhere. */
export function ownerOf(record: RunRecord | undefined): Holder | undefined {
  if (record === undefined || record.closed) return undefined;
  return record.owners.find((owner) => stateOf(owner) === 'alive')
    ?? record.owners.findLast((owner) => stateOf(owner) === 'elsewhere');
}

function ownerLine(): RecordLine {
  return { type: 'owner', holder: thisProcess(), atMs: Date.now() };
}

async function opened(path: string, flags: 'ax' | 'a'): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (cause) {
    throw failed('open', path, cause);
  }
}

function failed(what: string, path: string, cause: unknown): ComputeError {
  return new ComputeError('STORAGE_FAILED', `could not ${what} ${path}: check space and permissions`, { cause });
}
