// `switchyard endpoint configure`: a folder with a configuration that its owner edits and starts.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMapping } from '../common/schema.ts';
import { parseYaml } from '../common/yaml.ts';
import { CONFIG_FILE, FILE_MODE, FOLDER_MODE, makeEndpointsDirectory } from './endpoint-directory.ts';
import { checkName } from './endpoint-name.ts';
import { CONFIG_TEMPLATE } from './endpoint-template.ts';
import { misuse, storageFailed } from './failure.ts';

export interface ConfigureRequest {
  readonly directory: string;
  readonly name: string;
  /** A file to start from, instead of the template. */
  readonly source: string | undefined;
  readonly displayName: string | undefined;
}

export interface Configured {
  readonly name: string;
  readonly directory: string;
  readonly config: string;
}

/** Options of endpoints that serve several users, or that the field's authority has to know. */
export const PLANNED_OPTIONS = [
  '--multi-user [yes]', '--high-assurance', '--auth-policy <id>', '--contact-email <address>',
  '--manager-config <file>', '--template-config <file>', '--schema-config <file>', '--user-env-config <file>',
  '--id-mapping-config <file>', '--auth-policy-project-id <id>', '--auth-policy-display-name <text>',
  '--auth-policy-mfa-required', '--auth-policy-description <text>', '--allowed-domains <list>',
  '--excluded-domains <list>', '--auth-timeout <seconds>', '--subscription-id <id>',
] as const;

/** Changes nothing that is there; what it began and could not finish is gone again. */
export async function configureEndpoint(request: ConfigureRequest): Promise<Configured> {
  const { directory, name } = request;
  checkName(name);
  const text = await configText(request);
  await makeEndpointsDirectory(directory);
  const path = join(directory, name);
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw misuse(`config dir ${name} already exists, at ${path}: edit its ${CONFIG_FILE}, or choose another name`);
    }
    throw storageFailed(`cannot create ${path}`, cause, true);
  }
  const config = join(path, CONFIG_FILE);
  try {
    await writeFile(config, text, { mode: FILE_MODE });
  } catch (cause) {
    await rm(path, { recursive: true, force: true });
    throw storageFailed(`cannot write ${config}`, cause, true);
  }
  return { name, directory: path, config };
}

export function configuredText({ name, config }: Configured): string {
  return `Created profile for endpoint named ${name}

\tConfiguration file: ${config}

Use the \`start\` subcommand to run it:

\t$ switchyard endpoint start ${name}
`;
}

async function configText({ source, displayName }: ConfigureRequest): Promise<string> {
  const text = source === undefined ? CONFIG_TEMPLATE : await sourceText(source);
  return displayName === undefined ? text : withDisplayName(text, displayName, source ?? CONFIG_FILE);
}

async function sourceText(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw storageFailed(`cannot read ${path}`, cause);
  }
  const value = parseYaml(text, path);
  if (isMapping(value)) return text;
  const kind = Array.isArray(value) ? 'sequence' : 'scalar';
  throw misuse(`Source config file (${path}) must be a valid YAML mapping (got a ${kind})`);
}

/** In the text, so that its author's comments stay. */
function withDisplayName(text: string, displayName: string, file: string): string {
  const line = `display_name: ${JSON.stringify(displayName)}`;
  const written = /^display_name[ \t]*:.*$/m;
  const changed = written.test(text) ? text.replace(written, () => line) : `${line}\n${text}`;
  if (displayNameIn(changed, file) === displayName) return changed;
  throw misuse(`cannot put a display name into ${file} as it is written: leave --display-name out, and write it there`);
}

function displayNameIn(text: string, file: string): unknown {
  try {
    const value = parseYaml(text, file);
    return isMapping(value) ? value['display_name'] : undefined;
  } catch {
    return undefined; // what was there went over several lines, or was a directive or a second document
  }
}
