// PROCESS: one section, in a client process of its own, so that no section inherits the heap of the one before it.
// It is told what to do over its IPC channel; when the channel closes, or on a signal, it stops what it started.

import { shutdownSignal, EXIT_OK, EXIT_SOFTWARE } from '../../src/common/shutdown.ts';
import type { FromSection, SectionRequest } from '../section.ts';
import { SECTIONS } from '../sections/index.ts';

const gone = new AbortController();
process.once('disconnect', () => gone.abort(new Error('the bench ended')));
const signal = AbortSignal.any([shutdownSignal(), gone.signal]);

process.once('message', (request: SectionRequest) => {
  void run(request).then(async (message) => {
    await tell(message);
    process.exit(message.type === 'measured' ? EXIT_OK : EXIT_SOFTWARE);
  });
});

async function run({ section, ...request }: SectionRequest): Promise<FromSection> {
  const progress = (text: string): void => void tell({ type: 'progress', text });
  try {
    return { type: 'measured', part: await SECTIONS[section]({ ...request, signal, progress }) };
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

function tell(message: FromSection): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
}
