// What `switchyard endpoint start` does for a multi-user endpoint: everything that can be wrong is looked at before the
// service hears of it, and the process that may be root gets the outcome.

import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RegisterEndpoint } from '../common/api.ts';
import { parseJson, type Json } from '../common/json.ts';
import { EXIT_NOT_ALLOWED } from '../common/shutdown.ts';
import type { Client } from '../sdk/client.ts';
import { parseSupervisorConfig, type SupervisorConfig } from '../supervisor/config.ts';
import { findFiles, readEnvironment, type SiteFiles } from '../supervisor/files.ts';
import { loadIdentityMap } from '../supervisor/identity-map.ts';
import type { SupervisorOrders } from '../supervisor/orders.ts';
import { mapFor, ownPrivileges } from '../supervisor/privileges.ts';
import { insistOnModes } from '../supervisor/strict-modes.ts';
import { checkSecrets } from './endpoint-check-secrets.ts';
import type { WrittenConfig } from './endpoint-config.ts';
import { CONFIG_FILE, endpointId, saveEndpointId, type EndpointFolder } from './endpoint-directory.ts';
import { externalCommands, externalFiles } from './endpoint-external-files.ts';
import type { StartPlan, StartRequest } from './endpoint-plan.ts';
import { PATIENCE_MS, register, type Machine } from './endpoint-registration.ts';
import { misuse, refusedWith } from './failure.ts';

interface Site {
  readonly config: SupervisorConfig;
  readonly files: SiteFiles;
  readonly template: string;
  /** undefined: there is none. */
  readonly schemaText: string | undefined;
  /** The same as data. */
  readonly schema: Json | undefined;
  /** null: only the owner is served. */
  readonly map: string | null;
}

const MAIN = fileURLToPath(new URL('../supervisor/main.js', import.meta.url));
/** It is no business of the process that may be root, nor of anything that it starts, how we log in. */
const CREDENTIALS = /^(?:GLOBUS_COMPUTE_CLIENT_(?:ID|SECRET))$/;

export async function supervisorPlan(request: StartRequest, file: WrittenConfig): Promise<StartPlan> {
  const { folder, version } = request;
  const notes: string[] = [];
  const site = await readSite(folder, file, (note) => notes.push(note));
  const own = Object.entries(process.env).filter(([name]) => !CREDENTIALS.test(name));
  return {
    multiUser: true, foreground: !request.detach,
    notes: [...site.config.notes, ...notes, ...secretsHint(site, file, folder)],
    program: MAIN, environment: Object.fromEntries(own), stopSignals: ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'],
    order: async (client, signal) => {
      const machine = { hostname: hostname(), user: userInfo().username, version };
      const known = request.id ?? await endpointId(folder);
      const registered = await register(client, registrationOf(folder.name, file, site, machine), known, signal);
      await saveEndpointId(folder, registered.endpoint_id);
      const owner = site.map === null ? await ownerIdentities(client, signal) : [];
      return orderFor(request, file, site, {
        endpoint_id: registered.endpoint_id, command_queue_info: registered.command_queue_info,
        heartbeat_queue_info: registered.heartbeat_queue_info, owner_identities: owner,
      });
    },
    // Its user endpoints are not waited for any longer.
    insist: (child) => child.signal('SIGTERM'),
  };
}

async function readSite(
  folder: EndpointFolder, { written }: WrittenConfig, warn: (text: string) => void,
): Promise<Site> {
  const config = parseSupervisorConfig(written);
  const files = await findFiles(folder.path, config);
  const privileges = ownPrivileges();
  const map = mapFor(privileges, files.map, warn);
  const template = await readOrRefuse(files.template, 'the template of user endpoints');
  const schemaText = files.schema === null ? undefined
    : await readOrRefuse(files.schema, "the schema of users' values");
  const { variables, problems } = await readEnvironment(files.environment);
  for (const problem of problems) warn(`user_environment.yaml: ${problem}`);
  if (map !== null) {
    if (privileges.root) {
      await insistOnModes([
        join(folder.path, CONFIG_FILE), files.template, ...files.schema === null ? [] : [files.schema],
        files.environment, ...await filesOfMap(map), process.execPath, dirname(dirname(MAIN)),
      ], variables['PATH']);
    }
    await loadIdentityMap(map, await endpointId(folder) ?? '');
  }
  const schema = schemaText === undefined ? undefined : jsonIn(schemaText, files);
  return { config, files, template, schemaText, schema, map };
}

function registrationOf(
  name: string, { text }: WrittenConfig, { config, template, schema }: Site, { hostname: host, user, version }: Machine,
): RegisterEndpoint {
  const {
    display_name: displayName, allowed_functions: allowed, authentication_policy: policy, subscription_id: subscription,
    admins, high_assurance: assured, public: visible,
  } = config;
  return {
    endpoint_name: name, multi_user: true, public: visible, high_assurance: assured,
    metadata: {
      endpoint_version: version, hostname: host, local_user: user, endpoint_config: text,
      user_config_template: template, ...schema === undefined ? {} : { user_config_schema: schema },
    },
    ...displayName !== null && { display_name: displayName }, ...allowed !== null && { allowed_functions: allowed },
    ...policy !== null && { authentication_policy: policy },
    ...subscription !== null && { subscription_uuid: subscription }, ...admins !== null && { admins },
  };
}

async function ownerIdentities(client: Client, signal: AbortSignal): Promise<string[]> {
  try {
    return [(await client.userInfo({ patienceMs: PATIENCE_MS, signal })).id];
  } catch (error) {
    throw refusedWith(EXIT_NOT_ALLOWED, 'Failed to determine identity set; try `switchyard endpoint whoami`: without '
      + 'an identity map only the owner is served, and the service does not say who that is', error);
  }
}

function orderFor(
  { folder, debug, logToConsole, detach }: StartRequest, { written }: WrittenConfig, { config, files }: Site,
  registered: Pick<SupervisorOrders,
    'endpoint_id' | 'command_queue_info' | 'heartbeat_queue_info' | 'owner_identities'>,
): SupervisorOrders {
  return {
    ...registered, name: folder.name, directory: folder.path, config, written, files,
    debug: debug || config.debug, console: logToConsole, leashed: !detach,
  };
}

async function readOrRefuse(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw misuse(`cannot read ${what}, ${path}: no user endpoint could be started without it`, cause);
  }
}

function jsonIn(text: string, { schema }: SiteFiles): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    throw misuse(`${schema}: The user config schema is not valid JSON`, cause);
  }
}

/** Who may change one of them is whoever he wants to be. */
async function filesOfMap(map: string): Promise<string[]> {
  const commands = externalCommands(await readFile(map, 'utf8').catch(() => '')); // what cannot be read is told later
  return [map, ...(await Promise.all(commands.map(externalFiles))).flat()];
}

function secretsHint({ files, template, schemaText }: Site, { text }: WrittenConfig, folder: EndpointFolder): string[] {
  const { level, text: hint } = checkSecrets([
    { path: join(folder.path, CONFIG_FILE), text }, { path: files.template, text: template },
    ...files.schema === null || schemaText === undefined ? [] : [{ path: files.schema, text: schemaText }],
  ]);
  return level === 'ok' ? [] : [hint];
}
