// THREAD: PostgreSQL inside of the service. It computes while it answers, so it has a thread of its own.

import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Question } from '../embedded.ts';
import { Lite } from './lite.ts';

if (parentPort === null) throw new Error('this is a thread of the service');
const port = parentPort;
const { directory } = workerData as { directory: string }; // given by embedded.ts

// A write-ahead log that nobody cuts would grow for ever: this PostgreSQL has no process of its own for that.
const CHECKPOINT_BYTES = 48 * 1024 * 1024;

const lite = await Lite.open(directory);
let written = 0;
let last: Promise<void> = Promise.resolve();
port.on('message', (question: Question) => {
  last = last.then(async () => port.postMessage(await answer(question)));
});
port.postMessage({ type: 'open' } satisfies Answer);

async function answer(question: Question): Promise<Answer> {
  const { id } = question;
  try {
    return { type: 'rows', id, rows: await rowsOf(question) };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return { type: 'failed', id, code: typeof code === 'string' ? code : null, message: String(message) };
  }
}

async function rowsOf(question: Question): Promise<readonly unknown[]> {
  switch (question.type) {
    case 'query': {
      written += question.bytes;
      const rows = await lite.query(question.sql, question.values);
      if (written > CHECKPOINT_BYTES) {
        written = 0;
        await lite.checkpoint();
      }
      return rows;
    }
    case 'script':
      await lite.script(question.sql);
      return [];
    case 'tidy':
      await lite.tidy();
      return [];
    case 'close':
      await lite.close();
      return [];
  }
}
