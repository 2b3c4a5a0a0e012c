// An endpoint's config.yaml, read and checked before anything is started or told to the service.

import { access, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../common/json.ts';
import { parseYaml } from '../common/yaml.ts';
import { parseEndpointConfig, type EndpointConfig } from '../endpoint/config.ts';
import { CONFIG_FILE, isAbsent, type EndpointFolder } from './endpoint-directory.ts';
import { misuse, storageFailed } from './failure.ts';

export interface EndpointConfigFile {
  /** As its author wrote it: users of the service see it. */
  readonly text: string;
  /** As it is written, for the endpoint's own process. */
  readonly written: JsonObject;
  readonly config: EndpointConfig;
}

/** config.yaml, before it is known what it configures. */
export type WrittenConfig = Pick<EndpointConfigFile, 'text' | 'written'>;

/** Throws what to change, with file and line. */
export async function readConfigFile(folder: EndpointFolder): Promise<WrittenConfig> {
  const path = join(folder.path, CONFIG_FILE);
  const python = join(folder.path, 'config.py');
  if (await exists(python)) {
    throw misuse(`Python configuration files are not supported: write what ${python} says to ${path}, and remove it`);
  }
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (!isAbsent(cause)) throw storageFailed(`cannot read ${path}`, cause);
    throw misuse(`Endpoint '${folder.name}' is not configured: there is no ${path}; write one, or delete the endpoint`
      + ` and configure it again`);
  }
  // Plain data, dates included: what the parser gives is what JSON can hold.
  const written = (parseYaml(text, path) ?? {}) as JsonObject;
  if (!isJsonObject(written)) throw misuse(`${path}: Invalid config syntax: expected keys and values`);
  return { text, written };
}

/** What has no engine runs no tasks itself: it starts a user endpoint for each of its users. */
export function isMultiUser({ written }: WrittenConfig): boolean {
  const { multi_user: flag } = written;
  const says = flag === true || flag === 1 || (typeof flag === 'string' && /^(?:yes|on|true|1)$/i.test(flag));
  return says || !('engine' in written);
}

/** Of one user's endpoint. Throws what to change, with the key. */
export function oneUsers({ text, written }: WrittenConfig): EndpointConfigFile {
  return { text, written, config: parseEndpointConfig(written, availableParallelism()) };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
