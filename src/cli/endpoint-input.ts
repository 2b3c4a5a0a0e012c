// Files that a command of `switchyard endpoint` is given to read.

import { readFile } from 'node:fs/promises';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import { misuse, storageFailed } from './failure.ts';

export interface NamedText {
  readonly path: string;
  readonly text: string;
}

export async function textAt(path: string): Promise<NamedText> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (cause) {
    throw storageFailed(`cannot read ${path}`, cause);
  }
}

/** An object of JSON. `what`, as in "user options". */
export function jsonObjectIn({ path, text }: NamedText, what: string): JsonObject {
  let value: Json;
  try {
    value = parseJson(text, 'everywhere');
  } catch (cause) {
    throw misuse(`Invalid JSON in ${path} for ${what}: ${cause instanceof Error ? cause.message : ''}`, cause);
  }
  if (isJsonObject(value)) return value;
  throw misuse(`Invalid ${what} data in ${path}: must be a JSON dictionary.`);
}
