// `switchyard endpoint render-user-config`: a rendering of files that somebody names one by one, as in the field.

import { dirname } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { ComputeError } from '../common/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../common/json.ts';
import { parseYaml } from '../common/yaml.ts';
import { includesOf } from '../endpoint/includes.ts';
import type { RenderedConfig } from '../endpoint/user-config.ts';
import { parseSupervisorConfig } from '../supervisor/config.ts';
import { findFiles } from '../supervisor/files.ts';
import { isMultiUser, readConfigFile } from './endpoint-config.ts';
import { findEndpoint, type EndpointFolder } from './endpoint-directory.ts';
import { jsonObjectIn, textAt, type NamedText } from './endpoint-input.ts';
import { accountOf, identityOf, rendering } from './endpoint-render.ts';
import { misuse } from './failure.ts';

export interface FileOptions {
  readonly endpoint?: string;
  readonly template?: string;
  readonly userOptions?: string;
  readonly userOptionsFile?: string;
  readonly userSchema?: string;
  readonly parentConfig?: string;
  readonly userRuntime?: string;
  readonly mappedIdentity?: string;
}

const STDIN = '-';

export async function renderFiles(
  options: FileOptions, directory: string, stdin: NodeJS.ReadableStream,
): Promise<RenderedConfig> {
  const { endpoint, template, userSchema, parentConfig, userRuntime, mappedIdentity } = options;
  const userOptions = options.userOptions ?? options.userOptionsFile;
  const files = [template, userOptions, userSchema, parentConfig, userRuntime, mappedIdentity];
  if (files.filter((file) => file === STDIN).length > 1) {
    throw misuse('At most one input may be read from stdin across all options.');
  }
  const read = async (path: string): Promise<NamedText> => await given(path, stdin);
  const object = async (path: string | undefined, what: string): Promise<JsonObject | undefined> =>
    path === undefined ? undefined : jsonObjectIn(await read(path), what);
  const folder = endpoint === undefined ? undefined : await findEndpoint(directory, endpoint);
  const parent = parentConfig !== undefined ? parentIn(await read(parentConfig)) : await configOf(folder);
  const own = folder === undefined ? undefined : await findFiles(folder.path, parseSupervisorConfig(parent));
  const file = template ?? own?.template;
  if (file === undefined) throw misuse('Must provide at least one of --endpoint or --template.');
  const schema = userSchema ?? own?.schema ?? null;
  return rendering({
    template: await read(file), include: file === STDIN ? undefined : includesOf(dirname(file)),
    schema: schema === null ? null : await read(schema),
    userOptions: await object(userOptions, 'user options') ?? {},
    userRuntime: await object(userRuntime, 'user runtime') ?? {},
    parentConfig: parent,
    mappedIdentity: await object(mappedIdentity, 'mapped identity') ?? identityOf(await accountOf(undefined)),
  });
}

async function given(path: string, stdin: NodeJS.ReadableStream): Promise<NamedText> {
  return path === STDIN ? { path: 'standard input', text: await readAll(stdin) } : await textAt(path);
}

/** Without an endpoint, a config.yaml that says nothing. */
async function configOf(folder: EndpointFolder | undefined): Promise<JsonObject> {
  if (folder === undefined) return {};
  const file = await readConfigFile(folder);
  if (isMultiUser(file)) return file.written;
  throw misuse(`Endpoint ${folder.name} does not support templating.`);
}

function parentIn({ text, path }: NamedText): JsonObject {
  const written = parsedParent(text, path);
  if (isMultiUser({ text, written })) return written;
  throw misuse('Provided parent config does not support templating.');
}

function parsedParent(text: string, path: string): JsonObject {
  let written: Json;
  try {
    written = (parseYaml(text, path) ?? {}) as Json; // plain data: dates stay text
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    throw misuse(`Invalid parent config data in ${path}: ${error.message}`, error);
  }
  if (isJsonObject(written)) return written;
  throw misuse(`Invalid parent config data in ${path}.`);
}
