// What a run notes of itself and its blocks, so that a later process finds every job of it: one JSON line per event, in
// one file that is only ever added to. Pure; run-file.ts is the file.

import type { Holder } from '../../src/common/holder.ts';
import type { BlockId } from '../../src/common/protocol.ts';
import type { Job, JobState } from '../../providers/provider.ts';

export const RECORDS_VERSION = 1;

/** What stays the same for all of a run. Plain data, without keys. */
export interface RunHeader {
  readonly version: number;
  readonly label: string;
  readonly startedAtMs: number;
  /** Whoever starts an engine under this name takes the run over when its process is gone; null: nobody. */
  readonly resumeAs: string | null;
  /** The engine's configuration. */
  readonly config: unknown;
}

export type RecordLine =
  | { readonly type: 'run'; readonly header: RunHeader }
  /** A process claims the run: the first one that lives has it. */
  | { readonly type: 'owner'; readonly holder: Holder; readonly atMs: number }
  | { readonly type: 'port'; readonly managerPort: number }
  /** A job is about to be submitted under this name: from now on the scheduler may have it. */
  | { readonly type: 'intended'; readonly block: BlockId; readonly name: string; readonly folder: string;
      readonly atMs: number }
  | { readonly type: 'submitted'; readonly block: BlockId; readonly job: Job }
  | { readonly type: 'serving'; readonly block: BlockId; readonly managers: number; readonly workers: number }
  /** The scheduler has no such job any more, or never had. */
  | { readonly type: 'ended'; readonly block: BlockId; readonly state: JobState }
  /** Orderly: nothing of the run is left. */
  | { readonly type: 'closed'; readonly atMs: number };

export interface BlockRecord {
  readonly block: BlockId;
  /** The job's. */
  readonly name: string;
  readonly folder: string;
  readonly intendedAtMs: number;
  /** Absent while it is not known whether the scheduler took it. */
  readonly job?: Job;
  /** A manager was there once. */
  readonly connected: boolean;
  readonly managers: number;
  /** Slots over all its managers. */
  readonly workers: number;
  readonly ended?: JobState;
}

export interface RunRecord {
  readonly header: RunHeader;
  readonly owners: readonly Holder[];
  readonly managerPort: number | undefined;
  readonly blocks: readonly BlockRecord[];
  readonly closed: boolean;
}

export function encodeLine(line: RecordLine): string {
  return `${JSON.stringify(line)}\n`;
}

/** Undefined for a file that no run began. What a kill left of the last line is passed over. */
export function readRecords(text: string): RunRecord | undefined {
  const lines = text.split('\n').slice(0, -1).flatMap(lineOf);
  const [first] = lines;
  if (first?.type !== 'run' || first.header.version !== RECORDS_VERSION) return undefined;
  const blocks = new Map<BlockId, BlockRecord>();
  const change = (block: BlockId, news: Partial<BlockRecord>): void => {
    const known = blocks.get(block);
    if (known !== undefined) blocks.set(block, { ...known, ...news });
  };
  const owners: Holder[] = [];
  let managerPort: number | undefined;
  let closed = false;
  for (const line of lines) {
    switch (line.type) {
      case 'owner': owners.push(line.holder); break;
      case 'port': managerPort = line.managerPort; break;
      case 'intended': {
        const { block, name, folder, atMs: intendedAtMs } = line;
        blocks.set(block, { block, name, folder, intendedAtMs, connected: false, managers: 0, workers: 0 });
        break;
      }
      case 'submitted': change(line.block, { job: line.job }); break;
      case 'serving':
        change(line.block, { connected: true, managers: line.managers, workers: line.workers });
        break;
      case 'ended': change(line.block, { ended: line.state }); break;
      case 'closed': closed = true; break;
      case 'run': break;
      default: break; // a line of a later version
    }
  }
  return { header: first.header, owners, managerPort, blocks: [...blocks.values()], closed };
}

/** Blocks that the scheduler may still have. */
export function openBlocks(blocks: readonly BlockRecord[]): BlockRecord[] {
  return blocks.filter(({ ended }) => ended === undefined);
}

/** The first number that no block has had. */
export function nextBlock(blocks: readonly BlockRecord[]): number {
  return 1 + Math.max(-1, ...blocks.map(({ block }) => Number(block)));
}

function lineOf(text: string): RecordLine[] {
  try {
    return [JSON.parse(text) as RecordLine]; // nobody but us writes this file
  } catch {
    return []; // torn: whoever wrote it was killed
  }
}

/** Where the scaler notes what becomes of its blocks. */
export interface BlockNotes {
  /** Durable when it resolves; only then may the scheduler be asked. Throws STORAGE_FAILED. */
  intended(block: BlockId, name: string, folder: string, atMs: number): Promise<void>;
  submitted(block: BlockId, job: Job): Promise<void>;
  serving(block: BlockId, managers: number, workers: number): void;
  ended(block: BlockId, state: JobState): void;
}
