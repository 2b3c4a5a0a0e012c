import { createHash, randomUUID } from 'node:crypto';
import { formatJson, isJsonObject, type Json } from '../common/json.ts';

/**
 * A new UUID (version 7): its first half is the time, so rows that come together lie together in an index; the rest is
 * chance.
 */
export function newId(nowMs: number): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  // What follows the version is chance, and the variant the same in both.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** Whether an id is one that `idOf` makes. Nobody may choose such a one, or he could be there before its owner. */
export function isDerivedId(id: string): boolean {
  return id[14] === '8';
}

/** The same UUID (version 8) for the same data, in whatever order its keys are. */
export function idOf(data: Json): string {
  const hex = createHash('sha256').update(formatJson(ordered(data))).digest('hex');
  const variant = (0x8 | (Number.parseInt(hex[16] ?? '0', 16) & 0x3)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-`
    + hex.slice(20, 32);
}

function ordered(data: Json): Json {
  if (Array.isArray(data)) return data.map(ordered);
  if (!isJsonObject(data)) return data;
  const entries = Object.entries(data).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, ordered(value)]));
}
