// What an identity map has run by whoever runs the endpoint: the programs that it asks, and the scripts they are given.

import { stat } from 'node:fs/promises';
import { isJsonObject, parseJson, type Json } from '../common/json.ts';

/** The words of each command. What is no map has none: it is refused by who reads it in earnest. */
export function externalCommands(map: string): string[][] {
  let document: Json;
  try {
    document = parseJson(map.replace(/^\uFEFF/, ''));
  } catch {
    return [];
  }
  const mappers: readonly Json[] = Array.isArray(document) ? document : [document];
  return mappers.flatMap((mapper) => {
    const command = isJsonObject(mapper) ? mapper['command'] : undefined;
    return Array.isArray(command) ? [command.map(String)] : [];
  });
}

/** Those that are named by their place. A program may be missing; a word that is no file says something else. */
export async function externalFiles([program = '', ...words]: readonly string[]): Promise<string[]> {
  const placed = words.filter((word) => word.startsWith('/'));
  const areFiles = await Promise.all(placed.map(
    (word) => stat(word).then((found) => found.isFile(), () => false),
  ));
  return [...program.startsWith('/') ? [program] : [], ...placed.filter((_, i) => areFiles[i])];
}
