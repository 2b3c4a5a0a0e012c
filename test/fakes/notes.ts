import type { BlockId } from '../../src/common/protocol.ts';
import type { BlockNotes } from '../../engine/blocks/records.ts';
import type { Job, JobState } from '../../providers/provider.ts';

/** What a scaler noted, in order: "intended 0", "submitted 0 job-0", … */
export class FakeNotes implements BlockNotes {
  readonly lines: string[] = [];
  /** Set to a file system that is full. */
  fails = false;

  async intended(block: BlockId): Promise<void> {
    this.#add(`intended ${block}`);
  }

  async submitted(block: BlockId, job: Job): Promise<void> {
    this.#add(`submitted ${block} ${job.id}`);
  }

  serving(block: BlockId, managers: number, workers: number): void {
    this.lines.push(`serving ${block} ${managers} ${workers}`);
  }

  ended(block: BlockId, state: JobState): void {
    this.lines.push(`ended ${block} ${state}`);
  }

  #add(line: string): void {
    if (this.fails) throw new Error('no space left');
    this.lines.push(line);
  }
}
