// Reads what `node-offer.ts` decides over. What cannot be read is left out: it limits nothing.

import { readFileSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { cgroupFiles } from './cgroup.ts';
import type { NodeSources } from './node-offer.ts';

export function readSources(environment: NodeSources['environment']): NodeSources {
  const limits = cgroupFiles(textOf('/proc/self/cgroup'), textOf('/proc/self/mountinfo'));
  const files = ['/proc/self/status', '/proc/meminfo', ...limits]
    .map((path): [string, string] => [path, textOf(path)])
    .filter(([, text]) => text !== '');
  return { node: hostname(), environment, files: new Map(files), nvidiaDevices: countIn('/proc/driver/nvidia/gpus') };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not on this system, or not ours to read
  }
}

function countIn(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0; // no such driver
  }
}
