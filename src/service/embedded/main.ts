// THREAD: PostgreSQL inside of the service. It computes while it answers, so it has a thread of its own.

import { fsyncSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { PLANNER } from '../database.ts';
import type { Answer, Question } from '../embedded.ts';
import { Statements } from './statements.ts';

if (parentPort === null) throw new Error('this is a thread of the service');
const port = parentPort;
const { directory } = workerData as { directory: string }; // given by embedded.ts

/**
 * The package's own file system never syncs. With this one a statement that has been answered survives the loss of the
 * machine's power, as with any PostgreSQL.
 */
class SyncedFiles extends NodeFS {
  override async init(...given: Parameters<NodeFS['init']>): Promise<Awaited<ReturnType<NodeFS['init']>>> {
    const prepared = await super.init(...given);
    prepared.emscriptenOpts.preRun?.push((module) => {
      // What the package's types leave out: the operations on open files, which know the number of the real file.
      const files = module.NODEFS as unknown as { stream_ops: { fsync: (stream: { nfd: number }) => number } };
      files.stream_ops.fsync = ({ nfd }) => {
        fsyncSync(nfd);
        return 0;
      };
    });
    return prepared;
  }
}

const SETTINGS: Readonly<Record<string, string>> = {
  ...PLANNER,
  search_path: 'public', exit_on_error: 'false', log_checkpoints: 'false', max_worker_processes: '0',
  max_parallel_workers: '0', max_parallel_workers_per_gather: '0', max_parallel_maintenance_workers: '0',
  io_method: 'sync', fsync: 'on', wal_sync_method: 'fsync', max_wal_size: '96MB', min_wal_size: '32MB',
};

const lite = await PGlite.create({
  fs: new SyncedFiles(directory),
  startParams: [
    '--single', '-O', '-j', ...Object.entries(SETTINGS).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ],
});

// A write-ahead log that nobody cuts would grow for ever: this PostgreSQL has no process of its own for that.
const CHECKPOINT_BYTES = 48 * 1024 * 1024;
let written = 0;

const statements = new Statements(lite);
// One after the other: a script is one transaction, and its statements are several.
let last: Promise<void> = Promise.resolve();
port.on('message', (question: Question) => {
  last = last.then(async () => port.postMessage(await answer(question)));
});
port.postMessage({ type: 'open' } satisfies Answer);

async function answer(question: Question): Promise<Answer> {
  const { id } = question;
  try {
    switch (question.type) {
      case 'query': {
        written += question.bytes;
        const rows = await statements.run(question.sql, question.values);
        if (written > CHECKPOINT_BYTES) {
          written = 0;
          await lite.exec('checkpoint');
        }
        return { type: 'rows', id, rows };
      }
      case 'script':
        await lite.transaction((transaction) => transaction.exec(question.sql));
        return { type: 'rows', id, rows: [] };
      case 'tidy':
        await lite.exec('vacuum (analyze)');
        await lite.exec('checkpoint');
        return { type: 'rows', id, rows: [] };
      case 'close':
        await lite.close();
        return { type: 'rows', id, rows: [] };
    }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return { type: 'failed', id, code: typeof code === 'string' ? code : null, message: String(message) };
  }
}
