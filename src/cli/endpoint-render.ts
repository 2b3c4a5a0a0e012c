// What a user endpoint would be with a user's values: the same steps as at its start, and nothing is started.

import { readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { previewBlock, type BlockPreview } from '../../engine/preview.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import { renderUserConfig, type RenderedConfig, type RenderInput } from '../endpoint/user-config.ts';
import { findAccount, refusalOf, ROOT, type Account } from '../supervisor/accounts.ts';
import { parseSupervisorConfig } from '../supervisor/config.ts';
import { findFiles, readEnvironment, type SiteFiles } from '../supervisor/files.ts';
import { isMultiUser, readConfigFile } from './endpoint-config.ts';
import { endpointId, type EndpointFolder } from './endpoint-directory.ts';
import { includesFor } from './endpoint-includes.ts';
import { jsonObjectIn, textAt } from './endpoint-input.ts';
import { misuse, storageFailed } from './failure.ts';

export interface Rendering {
  readonly user: string;
  readonly values: JsonObject;
  /** As the template gave it. */
  readonly config: string;
  readonly block: BlockPreview;
  readonly notes: readonly string[];
}

/** One line of `--check`. */
export interface CheckedFile {
  readonly file: string;
  readonly ok: boolean;
  /** As the user would be told. */
  readonly problem?: string;
}

/** Stands where an id does that the service gives. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';

/** An endpoint with everything that its user endpoints are made of, but for a user's values. */
export interface RenderSite {
  readonly folder: EndpointFolder;
  readonly account: Account;
  readonly files: SiteFiles;
  /** config.yaml's. */
  readonly minimumUid: number;
  readonly input: Omit<RenderInput, 'userOptions'>;
}

export async function renderSite(folder: EndpointFolder, user: string | undefined): Promise<RenderSite> {
  const file = await readConfigFile(folder);
  if (!isMultiUser(file)) {
    throw misuse(`Endpoint ${folder.name} does not support templating.  (It serves one user: its config.yaml has the`
      + ' engine)');
  }
  const { written } = file;
  const config = parseSupervisorConfig(written);
  const files = await findFiles(folder.path, config);
  const account = await accountOf(user);
  return {
    folder, account, files, minimumUid: config.minimum_uid,
    input: {
      template: await textAt(files.template), schema: files.schema === null ? null : await textAt(files.schema),
      include: await includesFor(dirname(files.template), account.uid),
      userRuntime: {}, parentConfig: written, mappedIdentity: identityOf(account),
    },
  };
}

/** Throws what the user would be told. */
export async function renderValues(site: RenderSite, values: JsonObject): Promise<Rendering> {
  const rendered = rendering({ ...site.input, userOptions: values });
  const block = await previewBlock(rendered.config.engine, await directoryOfRuns(site));
  const { account: { name }, minimumUid } = site;
  // Trying it out as oneself is nobody's mistake.
  const refusal = name === userInfo().username ? undefined : refusalOf(site.account, { ...ROOT, minimumUid });
  return {
    user: name, values, config: rendered.text, block,
    notes: [
      ...refusal === undefined ? [] : [`a user endpoint of ${name} would be refused: ${refusal}`],
      ...rendered.config.notes,
    ],
  };
}

/** Each file of values in a directory, by name. */
export async function checkValues(site: RenderSite, directory: string): Promise<CheckedFile[]> {
  const files = (await filesIn(directory)).filter((name) => name.endsWith('.json'));
  if (files.length === 0) throw misuse(`${directory} has no .json files: put one there for each set of values`);
  return await Promise.all(files.map(async (file) => {
    try {
      rendering({ ...site.input, userOptions: await readValues(join(directory, file)) });
      return { file, ok: true };
    } catch (error) {
      if (!(error instanceof ComputeError)) throw error;
      return { file, ok: false, problem: error.message };
    }
  }));
}

export async function readValues(path: string): Promise<JsonObject> {
  return jsonObjectIn(await textAt(path), 'user options');
}

/** With the kind of the failure before it, as its user gets to see it. */
export function rendering(input: RenderInput): RenderedConfig {
  try {
    return renderUserConfig(input);
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    const { kind } = error.details;
    throw misuse(typeof kind === 'string' ? `(${kind}) ${error.message}` : error.message, error);
  }
}

/** `user`: a local account; by default, whoever runs this. */
export async function accountOf(user: string | undefined): Promise<Account> {
  const name = user ?? userInfo().username;
  const account = await findAccount(name);
  if (account !== undefined) return account;
  throw misuse(`there is no local account ${JSON.stringify(name)}: getent passwd shows those that there are`);
}

export function identityOf({ name, uid, gid, gecos, shell, directory, groups }: Account): JsonObject {
  return {
    local: { uname: name, uid, gid, gecos, shell, dir: directory, groups: [...groups] }, globus: { id: NO_ID },
  };
}

/** Of the user endpoint, as the user would have it. */
async function directoryOfRuns({ folder, account, files }: RenderSite): Promise<string> {
  const { variables } = await readEnvironment(files.environment);
  const { SWITCHYARD_USER_DIR: ours, GLOBUS_COMPUTE_USER_DIR: theirs } = variables;
  const above = ours ?? theirs ?? join(variables['HOME'] ?? account.directory, '.switchyard', 'endpoints');
  return join(above, `uep.${await endpointId(folder) ?? NO_ID}.${NO_ID}`, 'runs');
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (cause) {
    throw storageFailed(`cannot read the directory of values ${directory}`, cause);
  }
}
