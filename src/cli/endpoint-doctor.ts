// `switchyard endpoint doctor`: everything that can be known to be wrong with a set-up before a user finds out.

import { join } from 'node:path';
import type { EndpointConfig } from '../endpoint/config.ts';
import { parseSupervisorConfig } from '../supervisor/config.ts';
import { findFiles, readEnvironment, type SiteFiles } from '../supervisor/files.ts';
import { mapFor, type Privileges } from '../supervisor/privileges.ts';
import { checkIncludes, checkInstance, checkModes } from './endpoint-check-files.ts';
import { checkIdentityMap } from './endpoint-check-identities.ts';
import {
  checkEnvironment, checkProgram, checkPrograms, checkPython, checkScheduler, searchPath, type Own,
} from './endpoint-check-programs.ts';
import { checkSecrets } from './endpoint-check-secrets.ts';
import { checkTemplate, type Tried } from './endpoint-check-template.ts';
import { isMultiUser, oneUsers, readConfigFile, type WrittenConfig } from './endpoint-config.ts';
import { CONFIG_FILE, endpointId, type EndpointFolder } from './endpoint-directory.ts';
import { failed, ok, warning, type Finding } from './endpoint-finding.ts';
import { textAt, type NamedText } from './endpoint-input.ts';
import { NO_ID, renderSite } from './endpoint-render.ts';

export interface Examined {
  readonly findings: readonly Finding[];
  /** config.yaml's, for who asks the broker. */
  readonly amqpPort: number | null;
}

export interface ExamineDeps {
  readonly privileges: Privileges;
  readonly own: Own;
  /** PATH of an endpoint that this user starts for himself. */
  readonly path: string;
}

/** What is on this machine; the service is asked elsewhere. Never throws for what is wrong with the set-up. */
export async function examine(folder: EndpointFolder, deps: ExamineDeps): Promise<Examined> {
  const instance = await checkInstance(folder);
  try {
    const file = await readConfigFile(folder);
    const { findings, amqpPort } = isMultiUser(file)
      ? await examineSeveral(folder, file, deps) : await examineOne(folder, file, deps);
    return { findings: [instance, ...findings, await checkId(folder)], amqpPort };
  } catch (error) {
    return { findings: [instance, failed('config.yaml', error)], amqpPort: null };
  }
}

/** An endpoint of one user. */
async function examineOne(folder: EndpointFolder, file: WrittenConfig, { path }: ExamineDeps): Promise<Examined> {
  const { config } = oneUsers(file);
  return {
    amqpPort: config.amqp_port,
    findings: [
      ok('config.yaml', 'an endpoint of one user'), ...config.notes.map((note) => warning('config.yaml', note)),
      ...await checkEngine(config, path), checkSecrets([configText(folder, file)]),
    ],
  };
}

async function examineSeveral(folder: EndpointFolder, file: WrittenConfig, deps: ExamineDeps): Promise<Examined> {
  const config = parseSupervisorConfig(file.written);
  const files = await findFiles(folder.path, config);
  return {
    amqpPort: config.amqp_port,
    findings: [
      ok('config.yaml', 'a multi-user endpoint'), ...config.notes.map((note) => warning('config.yaml', note)),
      ...await checkUsers(folder, { files, minimumUid: config.minimum_uid }, deps),
      ...await checkUserEndpoints(folder, { files, file }, deps),
    ],
  };
}

/** Who is served, and in whose hands that is. */
async function checkUsers(
  folder: EndpointFolder, { files, minimumUid }: { readonly files: SiteFiles; readonly minimumUid: number },
  { privileges, own }: ExamineDeps,
): Promise<Finding[]> {
  const said: string[] = [];
  let map: string | null;
  try {
    map = mapFor(privileges, files.map, (text) => said.push(text));
  } catch (error) {
    return [failed('identity map', error)];
  }
  const warnings = said.map((text) => warning('identity map', text));
  if (map === null) return [...warnings, ok('users', 'without privileges it serves you alone')];
  const { template, schema, environment } = files;
  const paths = [
    join(folder.path, CONFIG_FILE), map, template, ...schema === null ? [] : [schema], environment, own.node,
    own.directory,
  ];
  const modes = privileges.root ? [await checkModes(paths)] : [];
  const text = await textOf('identity map', map);
  if ('level' in text) return [...modes, text];
  const id = await endpointId(folder).catch(() => undefined);
  return [...modes, ...await checkIdentityMap(text, id ?? NO_ID, minimumUid)];
}

/** What is started for them. */
async function checkUserEndpoints(
  folder: EndpointFolder, { files, file }: { readonly files: SiteFiles; readonly file: WrittenConfig },
  { privileges, own, path }: ExamineDeps,
): Promise<Finding[]> {
  const environment = await readEnvironment(files.environment);
  const started = privileges.changesUsers
    ? [await checkPrograms(), await checkProgram(environment.variables['PATH'] ?? '', own)] : [];
  const before = [...started, ...checkEnvironment(environment)];
  const template = await textOf('template', files.template);
  if ('level' in template) return [...before, template];
  const { findings, rendered } = await tried(folder);
  const includes = privileges.changesUsers ? await checkIncludes(template) : undefined;
  const search = privileges.changesUsers ? searchPath(environment, own) : environment.variables['PATH'] ?? path;
  const schema = files.schema === null ? [] : [await textAt(files.schema)];
  return [
    ...before, ...findings, ...includes === undefined ? [] : [includes],
    ...rendered === undefined ? [] : await checkEngine(rendered.config, search),
    checkSecrets([configText(folder, file), template, ...schema]),
  ];
}

async function checkEngine({ engine: { provider } }: EndpointConfig, path: string): Promise<Finding[]> {
  // Behind SSH, the scheduler's commands and the nodes' Python are the login node's.
  if (provider.channel.type !== 'LocalChannel') return [];
  return [await checkScheduler(provider.type, path), await checkPython(provider.worker_init, path)];
}

function configText({ path }: EndpointFolder, { text }: WrittenConfig): NamedText {
  return { path: join(path, CONFIG_FILE), text };
}

async function checkId(folder: EndpointFolder): Promise<Finding> {
  try {
    const id = await endpointId(folder);
    return ok('endpoint.json', id === undefined ? 'its first start brings an id' : `its id is ${id}`);
  } catch (error) {
    return failed('endpoint.json', error);
  }
}

async function tried(folder: EndpointFolder): Promise<Tried> {
  try {
    return checkTemplate(await renderSite(folder, undefined));
  } catch (error) {
    return { findings: [failed('template', error)], rendered: undefined };
  }
}

async function textOf(check: string, path: string): Promise<NamedText | Finding> {
  try {
    return await textAt(path);
  } catch (error) {
    return failed(check, error);
  }
}
