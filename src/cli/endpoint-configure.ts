// `switchyard endpoint configure`: a folder with files that its owner edits and starts.

import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import { isMapping } from '../common/schema.ts';
import { editYaml, parseYaml } from '../common/yaml.ts';
import type { AuthPolicyOptions } from '../sdk/auth-policies.ts';
import type { ConfigurePlan, Sources } from './endpoint-configure-plan.ts';
import { CONFIG_FILE, FILE_MODE, FOLDER_MODE, makeEndpointsDirectory } from './endpoint-directory.ts';
import {
  EXAMPLE_IDENTITY_MAP, MULTI_USER_CONFIG, USER_CONFIG_SCHEMA, USER_CONFIG_TEMPLATE, USER_ENVIRONMENT,
} from './endpoint-multi-user-files.ts';
import { checkName } from './endpoint-name.ts';
import { CONFIG_TEMPLATE } from './endpoint-template.ts';
import { causeText, misuse, storageFailed } from './failure.ts';

export interface ConfigureRequest {
  readonly directory: string;
  readonly name: string;
  readonly plan: ConfigurePlan;
}

/** What the service does for it; asked only if the plan has a new policy. */
export interface PolicyMaker {
  createAuthPolicy(policy: AuthPolicyOptions): Promise<{ readonly id: string }>;
}

export interface Configured {
  readonly name: string;
  readonly directory: string;
  readonly multi_user: boolean;
  readonly config: string;
  readonly authentication_policy?: string;
  readonly identity_mapping?: string;
  readonly template?: string;
  readonly schema?: string;
  readonly environment?: string;
}

interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Others may pass through it, to what the template includes, but not list it. */
const SHARED_FOLDER_MODE = 0o711;
const SHARED_FILE_MODE = 0o644;

export const TEMPLATE_FILE = 'user_config_template.yaml.j2';
export const SCHEMA_FILE = 'user_config_schema.json';
export const ENVIRONMENT_FILE = 'user_environment.yaml';
const EXAMPLE_MAP_FILE = 'example_identity_mapping_config.json';
const MAP_FILE = 'identity_mapping_config.json';

/** Changes nothing that is there; what it began and could not finish is gone again. */
export async function configureEndpoint(
  { directory, name, plan }: ConfigureRequest, connect: () => PolicyMaker,
): Promise<Configured> {
  checkName(name);
  const texts = await sourceTexts(plan.sources, plan.multiUser);
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
  try {
    const configured = describe(name, path, plan);
    const policy = await policyId(plan.policy, connect);
    for (const file of filesOf(configured, texts, keysOf(plan, configured, policy))) await create(file);
    // Whatever the umask takes away, and only now: until then nobody has business in it.
    if (plan.multiUser) await chmod(path, SHARED_FOLDER_MODE);
    return { ...configured, ...policy !== undefined && { authentication_policy: policy } };
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

export function configuredText(configured: Configured): string {
  const { name, config } = configured;
  const start = `Use the \`start\` subcommand to run it:\n\n\t$ switchyard endpoint start ${name}\n`;
  if (!configured.multi_user) {
    return `Created profile for endpoint named ${name}\n\n\tConfiguration file: ${config}\n\n${start}`;
  }
  const { identity_mapping: map = '', template, schema, environment } = configured;
  const mapLabel = map.endsWith(`/${EXAMPLE_MAP_FILE}`) ? 'Example identity' : 'Identity';
  return `Created multi-user profile for endpoint named <${name}>

\tConfiguration file: ${config}

\t${mapLabel} mapping configuration: ${map}

\tUser endpoint configuration template: ${template}
\tUser endpoint configuration schema: ${schema}
\tUser endpoint environment variables: ${environment}

${start}`;
}

function describe(name: string, directory: string, { multiUser, sources }: ConfigurePlan): Configured {
  const config = join(directory, CONFIG_FILE);
  if (!multiUser) return { name, directory, multi_user: false, config };
  return {
    name, directory, multi_user: true, config,
    identity_mapping: join(directory, sources.identityMap === undefined ? EXAMPLE_MAP_FILE : MAP_FILE),
    template: join(directory, TEMPLATE_FILE), schema: join(directory, SCHEMA_FILE),
    environment: join(directory, ENVIRONMENT_FILE),
  };
}

type Texts = Readonly<Record<keyof Sources, string>>;

async function sourceTexts(sources: Sources, multiUser: boolean): Promise<Texts> {
  const config = sources.config === undefined
    ? multiUser ? MULTI_USER_CONFIG : CONFIG_TEMPLATE
    : await configText(sources.config, multiUser);
  return {
    config,
    template: await textOf(sources.template, USER_CONFIG_TEMPLATE),
    schema: await textOf(sources.schema, USER_CONFIG_SCHEMA),
    environment: await textOf(sources.environment, USER_ENVIRONMENT),
    identityMap: await textOf(sources.identityMap, EXAMPLE_IDENTITY_MAP),
  };
}

async function textOf(path: string | undefined, ours: string): Promise<string> {
  if (path === undefined) return ours;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw storageFailed(`cannot read ${path}`, cause);
  }
}

async function configText(path: string, multiUser: boolean): Promise<string> {
  const text = await textOf(path, '');
  const value = parseYaml(text, path) ?? {};
  if (isMapping(value)) {
    if (multiUser || value['multi_user'] !== true) return text;
    throw misuse(`${path} says multi_user: true: add --multi-user, so that there is more than a config.yaml`);
  }
  const kind = Array.isArray(value) ? 'sequence' : 'scalar';
  throw misuse(`Source config file (${path}) must be a valid YAML mapping (got a ${kind})`);
}

async function policyId(
  policy: string | AuthPolicyOptions | undefined, connect: () => PolicyMaker,
): Promise<string | undefined> {
  if (policy === undefined || typeof policy === 'string') return policy;
  try {
    return (await connect().createAuthPolicy(policy)).id;
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    throw new ComputeError(error.code, `Unable to create authentication policy: ${causeText(error)}`, {
      cause: error, details: error.details,
    });
  }
}

type Keys = Readonly<Record<string, string | boolean>>;

/** In the order in which they are added where the file has none of them. */
function keysOf(
  plan: ConfigurePlan, { directory, identity_mapping: map }: Configured, policy: string | undefined,
): Keys {
  const { displayName, email, highAssurance, subscription, multiUser } = plan;
  return {
    ...displayName !== undefined && { display_name: displayName },
    ...email !== undefined && { email },
    ...map !== undefined && { identity_mapping_config_path: map },
    ...multiUser && { multi_user: true },
    ...policy !== undefined && { authentication_policy: policy },
    ...highAssurance && { high_assurance: true },
    ...highAssurance && multiUser && { audit_log_path: join(directory, 'audit.log') },
    ...subscription !== undefined && { subscription_id: subscription },
  };
}

function filesOf(configured: Configured, texts: Texts, keys: Keys): NewFile[] {
  const { identity_mapping: map, template, schema, environment } = configured;
  const shared: readonly [string | undefined, string][] = [
    [template, texts.template], [schema, texts.schema], [environment, texts.environment],
  ];
  // Only user endpoints have an engine.
  const config = editYaml(texts.config, configured.config, configured.multi_user ? ['engine'] : [], keys);
  return [
    { path: configured.config, mode: FILE_MODE, text: config },
    ...map === undefined ? [] : [{ path: map, mode: FILE_MODE, text: texts.identityMap }],
    ...shared.flatMap(([path, text]) => path === undefined ? [] : [{ path, text, mode: SHARED_FILE_MODE }]),
  ];
}

async function create({ path, text, mode }: NewFile): Promise<void> {
  try {
    await writeFile(path, text, { mode: FILE_MODE, flag: 'wx' });
    await chmod(path, mode);
  } catch (cause) {
    throw storageFailed(`cannot write ${path}`, cause, true);
  }
}
