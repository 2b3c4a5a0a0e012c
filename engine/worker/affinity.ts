// Binds this thread to cores. What it starts inherits that.

import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Node has no call for it; util-linux has a command. Throws in words when that fails. */
export function bindThread(cores: readonly number[]): void {
  const list = cores.join(',');
  const thread = basename(readlinkSync('/proc/thread-self'));
  const { status, stderr, error } = spawnSync('taskset', ['--cpu-list', '--pid', list, thread], { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`could not bind a worker to cores ${list}: ${error?.message ?? stderr.trim()}`);
  }
  // What the runtimes of parallel codes look at.
  process.env['OMP_NUM_THREADS'] = String(cores.length);
  process.env['GOMP_CPU_AFFINITY'] = cores.join(' ');
  process.env['KMP_AFFINITY'] = `explicit,proclist=[${list}]`;
}
