// The administrator's files beside config.yaml. Template, schema and environment are read for every start anew, as the
// supervisor's user: a user endpoint, which runs as somebody else, may not be able to.

import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { environmentIn, type ReadEnvironment } from './environment.ts';
import { STEP_FILES, type StartFailure } from './launch.ts';
import type { SupervisorConfig } from './config.ts';

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface SiteFiles {
  readonly template: string;
  /** null: there is none, and users may send what they like. */
  readonly schema: string | null;
  readonly environment: string;
  /** null: none is named. */
  readonly map: string | null;
}

const TEMPLATES = ['user_config_template.yaml.j2', 'user_config_template.yaml'] as const;
const SCHEMA = 'user_config_schema.json';
const ENVIRONMENT = 'user_environment.yaml';

type Paths = Pick<SupervisorConfig,
  'user_config_template_path' | 'user_config_schema_path' | 'identity_mapping_config_path'>;

/** Where they are. Throws CONFIG_INVALID, in the field's words, for one that is named and not there. */
export async function findFiles(directory: string, config: Paths): Promise<SiteFiles> {
  const { user_config_template_path: template, user_config_schema_path: schema, identity_mapping_config_path: map }
    = config;
  const named = [
    { what: 'User config template', path: template }, { what: 'User config schema', path: schema },
    { what: 'Identity mapping config', path: map },
  ];
  for (const { what, path } of named) {
    if (path !== null && !await isThere(resolve(directory, path))) {
      throw new ComputeError('CONFIG_INVALID', `${what} path not found (${path})`, { details: { exitStatus: 1 } });
    }
  }
  const [preferred, older] = TEMPLATES.map((name) => join(directory, name)) as [string, string];
  const usual = !await isThere(preferred) && await isThere(older) ? older : preferred;
  const usualSchema = join(directory, SCHEMA);
  return {
    template: template === null ? usual : resolve(directory, template),
    // Gone later, it is missed: nobody's values may pass unseen because a file was moved.
    schema: schema !== null ? resolve(directory, schema) : await isThere(usualSchema) ? usualSchema : null,
    environment: join(directory, ENVIRONMENT), map: map === null ? null : resolve(directory, map),
  };
}

export async function readText(path: string): Promise<TextFile | { readonly failure: StartFailure }> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    return { failure: { step: STEP_FILES, ...inPythonsWords(error, path) } };
  }
}

/** Never fails: what is wrong is among the problems. */
export async function readEnvironment(path: string): Promise<ReadEnvironment> {
  try {
    return environmentIn(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { variables: {}, problems: [] };
    const { error: kind, message } = inPythonsWords(error, path);
    return { variables: {}, problems: [`(${kind}) ${message}`] };
  }
}

const WORDS: Readonly<Record<string, readonly [error: string, message: string]>> = {
  ENOENT: ['FileNotFoundError', '[Errno 2] No such file or directory'],
  EACCES: ['PermissionError', '[Errno 13] Permission denied'],
  EISDIR: ['IsADirectoryError', '[Errno 21] Is a directory'],
  ENOTDIR: ['NotADirectoryError', '[Errno 20] Not a directory'],
};

function inPythonsWords(error: unknown, path: string): Pick<StartFailure, 'error' | 'message'> {
  const [kind, words] = WORDS[codeOf(error)] ?? ['OSError', codeOf(error)];
  return { error: kind, message: `${words}: '${path}'` };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}
