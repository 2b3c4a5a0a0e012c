// The task of a soak. Every run leaves its number in a file, so that running twice, or not at all, is seen.

import { openSync, writeSync } from 'node:fs';
import type { Fate } from './plan.ts';

export const NOTE_BYTES = 4;

let file: number | undefined;
const note = Buffer.alloc(NOTE_BYTES);

export async function soak(path: string, id: number, fate: Fate): Promise<number> {
  file ??= openSync(path, 'a');
  note.writeUInt32LE(id);
  writeSync(file, note);
  if (fate === 'raise') throw new RangeError(`task ${id}`);
  if (fate === 'kill') process.exit(3);
  if (fate === 'hang') await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  return id;
}
