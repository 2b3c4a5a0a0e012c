// The folder of one run: scripts and output of its blocks, logs of its managers, and the file that knows the blocks. A
// run that outlives its process is taken over here by the next one.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ComputeError } from '../src/common/errors.ts';
import { stateOf } from '../src/common/holder.ts';
import type { KeyPair } from '../src/common/process-config.ts';
import type { BlockId } from '../src/common/protocol.ts';
import type { BlockPolicy } from '../providers/provider.ts';
import { openBlocks, RECORDS_VERSION, type BlockRecord, type RunRecord } from './blocks/records.ts';
import type { EngineConfig } from './config.ts';
import { findRuns, ownerOf, RunFile, type FoundRun } from './run-file.ts';
import { makeKeys } from './socket.ts';

export interface RunKeys {
  readonly server: KeyPair;
  readonly manager: KeyPair;
}

export interface Run {
  readonly folder: string;
  readonly logLevel: string;
  /** null: not encrypted. Fresh for each run; they reach other processes on stdin or in 0600 files only. */
  readonly keys: RunKeys | null;
  readonly file: RunFile;
  /** Its blocks wait for a while when this process is killed: another one may take the run over. */
  readonly outlives: boolean;
  /** Of the process that this one follows; its managers know the port. */
  readonly followed: ClaimedRun | undefined;
  readonly inherited: readonly BlockRecord[];
  readonly managerPort: number | undefined;
  /** Of the same name, but of no use: its blocks are to be given back. */
  readonly leftOver: readonly ClaimedRun[];
}

/** A run that this process has claimed. */
export interface ClaimedRun extends FoundRun {
  readonly file: RunFile;
}

export interface RunOptions {
  /** Where runs are; in the home directory if not said, because compute nodes read it too. */
  readonly directory?: string | undefined;
  readonly logLevel?: string | undefined;
  /** Whoever opens a run under this name takes over what is left of the last one that had it. */
  readonly resumeAs?: string | undefined;
}

export const DEFAULT_DIRECTORY = join(homedir(), '.switchyard', 'runs');
const KEYS = 'keys.json';

export async function openRun(config: EngineConfig, options: RunOptions): Promise<Run> {
  const directory = resolve(options.directory ?? DEFAULT_DIRECTORY);
  const logLevel = logLevelOf(config, options);
  const { resumeAs } = options;
  const claimed = resumeAs === undefined ? [] : await claimLeft(directory, resumeAs);
  const leftOver: ClaimedRun[] = [];
  let followed: Run | undefined;
  for (const run of claimed) {
    followed ??= await follow(run, config, logLevel);
    if (followed?.folder !== run.folder) leftOver.push(run);
  }
  // Blocks on this machine end with their client, so there is nothing to take over.
  const name = config.provider.type === 'LocalProvider' ? undefined : resumeAs;
  return { ...followed ?? await begin(directory, config, logLevel, name), leftOver };
}

/** Another run in place of one that cannot be gone on with: what that had is left over. */
export async function openAnew({ followed, leftOver }: Run, config: EngineConfig, options: RunOptions): Promise<Run> {
  const directory = resolve(options.directory ?? DEFAULT_DIRECTORY);
  const run = await begin(directory, config, logLevelOf(config, options), options.resumeAs);
  return { ...run, leftOver: followed === undefined ? leftOver : [...leftOver, followed] };
}

/** What a run of this process is called that starts now. */
export function newRunName(): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${stamp}-${process.pid}`;
}

export function folderOfBlock(runFolder: string, block: BlockId): string {
  return join(runFolder, 'blocks', block);
}

/** The run is over: nothing of it is left that its keys could be good for. */
export async function closeRun({ folder, file }: Pick<Run, 'folder' | 'file'>, atMs: number): Promise<void> {
  await rm(join(folder, KEYS), { force: true });
  await file.close(atMs);
}

function logLevelOf(config: EngineConfig, { logLevel }: RunOptions): string {
  return logLevel ?? (config.worker_debug ? 'debug' : 'info');
}

async function begin(
  directory: string, config: EngineConfig, logLevel: string, resumeAs: string | undefined,
): Promise<Run> {
  const folder = await makeFolder(join(directory, newRunName()));
  const keys = config.encrypted ? { server: makeKeys(), manager: makeKeys() } : null;
  await mkdir(join(folder, 'blocks'), { mode: 0o700 });
  const outlives = resumeAs !== undefined;
  if (outlives) await writeFile(join(folder, KEYS), JSON.stringify(keys), { mode: 0o600, flag: 'wx' });
  const file = await RunFile.create(folder, {
    version: RECORDS_VERSION, label: config.label, startedAtMs: Date.now(), resumeAs: resumeAs ?? null, config,
  });
  const nothing = { followed: undefined, inherited: [], managerPort: undefined, leftOver: [] };
  return { folder, logLevel, keys, file, outlives, ...nothing };
}

/** Runs of this name that nobody has, the newest first. Who asks for a name vouches for the end of its last process. */
async function claimLeft(directory: string, resumeAs: string): Promise<ClaimedRun[]> {
  const claimed: ClaimedRun[] = [];
  for (const found of (await findRuns(directory)).toReversed()) {
    const { header, closed } = found.record;
    const owner = ownerOf(found.record);
    if (header.resumeAs !== resumeAs || closed || (owner !== undefined && stateOf(owner) === 'alive')) continue;
    const file = await RunFile.claim(found.folder);
    if (file !== undefined) claimed.push({ ...found, file });
  }
  return claimed;
}

/** The run goes on in this process, if its blocks can be of use to it. */
async function follow(followed: ClaimedRun, config: EngineConfig, logLevel: string): Promise<Run | undefined> {
  const { folder, file, record } = followed;
  const { managerPort, blocks } = record;
  if (openBlocks(blocks).length === 0 || !isAlike(record, config)) return undefined;
  try {
    const keys: RunKeys | null = JSON.parse(await readFile(join(folder, KEYS), 'utf8'));
    return { folder, logLevel, keys, file, outlives: true, followed, inherited: blocks, managerPort, leftOver: [] };
  } catch {
    return undefined; // without the keys its managers would not hear us
  }
}

/** Its jobs ask for what jobs would ask for now, and its managers look for an interchange on this machine. */
function isAlike({ header, owners }: RunRecord, config: EngineConfig): boolean {
  // As it comes back from the file; written there by us.
  const before = header.config as EngineConfig;
  const now = JSON.parse(JSON.stringify(config)) as EngineConfig;
  return isDeepStrictEqual(shapeOf(before), shapeOf(now)) && owners.every((owner) => stateOf(owner) !== 'elsewhere');
}

/** Keys that only say how many blocks there should be, and what the engine does by itself. */
const OWN_AFFAIRS: ReadonlySet<string> = new Set<keyof EngineConfig | keyof BlockPolicy>([
  'init_blocks', 'min_blocks', 'max_blocks', 'parallelism', 'notes', 'strategy', 'max_idletime', 'strategy_period',
  'block_error_handler', 'tasks_max', 'payload_bytes_max', 'restart_timeout',
]);

function shapeOf(config: EngineConfig): unknown {
  const rest = (keys: object): object =>
    Object.fromEntries(Object.entries(keys).filter(([key]) => !OWN_AFFAIRS.has(key)));
  return { ...rest(config), provider: rest(config.provider) };
}

/** Makes the folder, under this name or one like it that is free. */
async function makeFolder(wanted: string): Promise<string> {
  try {
    await mkdir(dirname(wanted), { recursive: true });
    for (let name = wanted, i = 2; ; name = `${wanted}-${i++}`) {
      // oxlint-disable-next-line no-await-in-loop -- one name after the other until one is free
      if (await makeNew(name)) return name;
    }
  } catch (cause) {
    throw new ComputeError('STORAGE_FAILED',
      `could not make the run folder ${wanted}: choose a directory that you can write to`, { cause });
  }
}

/** False when there is one of this name. */
async function makeNew(name: string): Promise<boolean> {
  try {
    await mkdir(name, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
