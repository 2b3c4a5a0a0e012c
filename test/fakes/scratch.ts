import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Scratch extends AsyncDisposable {
  readonly path: string;
  readonly at: (name: string) => string;
}

/** A directory that is gone when its block ends. */
export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'switchyard-run-'));
  return {
    path,
    at: (name) => join(path, name),
    // What a killed process left behind may still be writing its last words here.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}
