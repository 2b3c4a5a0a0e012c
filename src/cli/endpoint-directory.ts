// Where endpoints are kept: one folder each, named after the endpoint, with its configuration, the id that the service
// knows it by, its log, and who runs it at the moment.

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { causeText, misuse, storageFailed } from './failure.ts';
import { isUuid } from './endpoint-name.ts';

export interface EndpointFolder {
  readonly name: string;
  readonly path: string;
}

export const CONFIG_FILE = 'config.yaml';
export const LOG_FILE = 'endpoint.log';
const ID_FILE = 'endpoint.json';

/** Only their owner has business in them: configurations may hold secrets. */
export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** `given`: what --config-dir says. */
export function endpointsDirectory(
  given: string | undefined, environment: Readonly<Record<string, string | undefined>>,
): string {
  const { SWITCHYARD_USER_DIR: ours = '', GLOBUS_COMPUTE_USER_DIR: theirs = '' } = environment;
  return resolve(given ?? (ours || theirs || join(homedir(), '.switchyard', 'endpoints')));
}

export async function makeEndpointsDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: FOLDER_MODE });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'EEXIST' || cause.code === 'ENOTDIR')) {
      throw misuse(`Error creating directory ${directory}, please remove or rename the conflicting file`, cause);
    }
    throw storageFailed(`cannot create the directory of endpoints ${directory}`, cause, true);
  }
}

/** By its name, or by the id that the service has given it. Throws what to do when there is none. */
export async function findEndpoint(directory: string, nameOrId: string): Promise<EndpointFolder> {
  const found = await lookUpEndpoint(directory, nameOrId);
  if (found !== undefined) return found;
  const [where, name] = isUuid(nameOrId) ? [`with ID ${nameOrId} below ${directory}`, 'NAME']
    : [`at ${join(directory, nameOrId)}`, nameOrId];
  throw misuse(`There is no endpoint configuration on this machine ${where}: create one with switchyard endpoint`
    + ` configure ${name}, edit it, and start it; switchyard endpoint list shows what is there`);
}

export async function lookUpEndpoint(directory: string, nameOrId: string): Promise<EndpointFolder | undefined> {
  if (!isUuid(nameOrId)) {
    const path = join(directory, nameOrId);
    const isOneFolder = nameOrId !== '' && !nameOrId.includes('/') && !nameOrId.startsWith('.');
    return isOneFolder && await isFolder(path) ? { name: nameOrId, path } : undefined;
  }
  for (const folder of await endpointFolders(directory)) {
    // A file that cannot be read names no endpoint; whoever lists them sees why.
    const id = await endpointId(folder).catch(() => undefined);
    if (id === nameOrId.toLowerCase()) return folder;
  }
  return undefined;
}

/** Every folder with a configuration, by name. */
export async function endpointFolders(directory: string): Promise<EndpointFolder[]> {
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch (cause) {
    if (isAbsent(cause)) return [];
    throw storageFailed(`cannot read the directory of endpoints ${directory}`, cause);
  }
  const folders = names.map((name) => ({ name, path: join(directory, name) }));
  const files = await Promise.all(folders.map(async ({ path }) => await readdir(path).catch((): string[] => [])));
  return folders.filter((_, i) => files[i]?.some((file) => file.startsWith('config.')));
}

/** undefined: it was never registered. */
export async function endpointId({ path }: EndpointFolder): Promise<string | undefined> {
  const file = join(path, ID_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw storageFailed(`cannot read ${file}`, cause);
  }
  const id = idIn(text);
  if (id !== undefined) return id;
  throw misuse(`${file} does not say {"endpoint_id": "<uuid>"}: correct it, or remove it to register a new endpoint`);
}

export async function saveEndpointId({ path }: EndpointFolder, id: string): Promise<void> {
  await replaceFile(join(path, ID_FILE), `${JSON.stringify({ endpoint_id: id })}\n`);
}

/** Nobody ever reads half of it. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: FILE_MODE });
    await rename(draft, path);
  } catch (cause) {
    throw storageFailed(`cannot write ${path}`, cause);
  }
}

function idIn(text: string): string | undefined {
  try {
    const { endpoint_id: id } = JSON.parse(text) as { endpoint_id?: unknown }; // whatever it is, it is looked at below
    return typeof id === 'string' && isUuid(id) ? id.toLowerCase() : undefined;
  } catch {
    return undefined; // not JSON, or null
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (isAbsent(cause)) return false;
    throw misuse(`cannot look into ${path}: ${causeText(cause)}`, cause);
  }
}

export function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
}
