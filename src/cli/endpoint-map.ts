// `switchyard endpoint map`: who of some identities would be whom on this machine, by which mapping, or why nobody.

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import { EXIT_NOT_ALLOWED, EXIT_OK } from '../common/shutdown.ts';
import { accountNameProblem } from '../supervisor/account-name.ts';
import { findAccount, refusalOf, ROOT, type Account } from '../supervisor/accounts.ts';
import { MINIMUM_UID, parseSupervisorConfig } from '../supervisor/config.ts';
import { lookUp, type Lookup, type Mapped } from '../supervisor/identity-lookup.ts';
import { loadIdentityMap } from '../supervisor/identity-map.ts';
import { readConfigFile } from './endpoint-config.ts';
import { CONFIG_FILE, endpointId, endpointsDirectory, findEndpoint } from './endpoint-directory.ts';
import { misuse, storageFailed } from './failure.ts';

interface MapOptions {
  readonly configDir?: string;
  readonly map?: string;
  readonly identities: string;
  readonly json?: true;
}

export interface Mapping {
  readonly identities: readonly { readonly identity: JsonObject; readonly matches: readonly Mapped[] }[];
  readonly chosen: Mapped | undefined;
  readonly account: Account | undefined;
  /** Why nobody's tasks would run; undefined: they would. */
  readonly refusal: string | undefined;
  readonly warnings: readonly string[];
}

/** What external programs are told when no endpoint is named. */
const NO_ENDPOINT = '00000000-0000-0000-0000-000000000000';

/** `exit` gets 0 when the identities are somebody here who may use the endpoint, and 77 when not. */
export function mapCommand(exit: (status: number) => void): Command {
  return new Command('map').description('say who of some identities would be whom here, and by which mapping')
    .argument('[name-or-uuid]', 'the endpoint whose map is meant')
    .option('--map <file>', 'an identity mapping file, instead of an endpoint')
    .requiredOption('--identities <file>', 'a JSON list of the identities of one person, as the service sends them')
    .action(async (name: string | undefined, _: MapOptions, command: Command) => {
      const options = command.optsWithGlobals<MapOptions>();
      const mapping = await mappingOf(await mapOf(name, options), await readIdentities(options.identities));
      process.stdout.write(options.json ? `${JSON.stringify(mappingJson(mapping))}\n` : mappingText(mapping));
      exit(mapping.refusal === undefined ? EXIT_OK : EXIT_NOT_ALLOWED);
    });
}

/** Asks the map, and the system for the account. */
export async function mappingOf(
  { path, id, minimumUid }: MapFile, identities: readonly JsonObject[],
): Promise<Mapping> {
  const { mappers, notes } = await loadIdentityMap(path, id);
  const found = await lookUp(mappers, identities, new AbortController().signal);
  const { chosen } = found;
  const account = chosen === undefined ? undefined : await findAccount(chosen.localName);
  return {
    identities: identities.map((identity) => (
      { identity, matches: found.candidates.filter((one) => one.identity === identity) }
    )),
    chosen, account, refusal: refusalFor(found, account, minimumUid),
    warnings: [...notes, ...found.failures],
  };
}

function refusalFor({ chosen }: Lookup, account: Account | undefined, minimumUid: number): string | undefined {
  if (chosen === undefined) return 'no mapping matches one of these identities';
  if (account !== undefined) return refusalOf(account, { ...ROOT, minimumUid });
  const problem = accountNameProblem(chosen.localName);
  const name = JSON.stringify(chosen.localName);
  return problem === undefined ? `there is no local account ${name}` : `${name} is no name of an account: ${problem}`;
}

interface MapFile {
  readonly path: string;
  /** Of the endpoint: external programs are told it. */
  readonly id: string;
  readonly minimumUid: number;
}

async function mapOf(name: string | undefined, { map, configDir }: MapOptions): Promise<MapFile> {
  if (map !== undefined) {
    if (name !== undefined) throw misuse('either an endpoint or --map says which map is meant, not both');
    return { path: resolve(map), id: NO_ENDPOINT, minimumUid: MINIMUM_UID };
  }
  if (name === undefined) throw misuse('name an endpoint, or a file with --map');
  const folder = await findEndpoint(endpointsDirectory(configDir, process.env), name);
  const { identity_mapping_config_path: path, minimum_uid: minimumUid }
    = parseSupervisorConfig((await readConfigFile(folder)).written);
  if (path === null) throw misuse(`${join(folder.path, CONFIG_FILE)} names no identity_mapping_config_path`);
  return { path: resolve(folder.path, path), id: await endpointId(folder) ?? NO_ENDPOINT, minimumUid };
}

async function readIdentities(path: string): Promise<readonly JsonObject[]> {
  let document: Json;
  try {
    document = parseJson(await readText(path));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof RangeError)) throw cause;
    throw misuse(`${path} is not JSON: ${cause.message}`, cause);
  }
  // What the field's authority answers is a list in an object.
  const given = isJsonObject(document) ? document['identities'] ?? [document] : document;
  const list: readonly Json[] = Array.isArray(given) ? given : [];
  const identities = list.filter(isJsonObject);
  if (list.length === 0 || identities.length < list.length) {
    throw misuse(`${path}: expected a JSON list of identities, each of them an object`);
  }
  return identities;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw storageFailed(`cannot read ${path}`, cause);
  }
}

export function mappingText({ identities, chosen, account, refusal, warnings }: Mapping): string {
  const lines = identities.flatMap(({ identity, matches }) => [
    titleOf(identity),
    ...matches.map((match) => `  ${match === chosen ? '→' : ' '} ${JSON.stringify(match.localName)}  ${match.rule}`),
    ...matches.length === 0 ? [`    ${whyNot(identity)}`] : [],
  ]);
  return [
    ...warnings.map((warning) => `Warning: ${warning}`), ...lines, '',
    ...account === undefined ? [] : [accountText(account)],
    refusal === undefined ? 'They may use the endpoint.' : `They may not use the endpoint: ${refusal}.`,
  ].map((line) => `${line}\n`).join('');
}

function mappingJson({ identities, chosen, account, refusal, warnings }: Mapping): object {
  return {
    identities: identities.map(({ identity, matches }) => ({
      id: identity['id'] ?? null, username: identity['username'] ?? null,
      matches: matches.map(({ localName, rule }) => ({ local_name: localName, rule })),
    })),
    chosen: chosen === undefined ? null
      : { identity_id: chosen.identityId, local_name: chosen.localName, rule: chosen.rule },
    account: account ?? null, refusal: refusal ?? null, warnings,
  };
}

function titleOf({ username, id }: JsonObject): string {
  const word = (value: Json | undefined): string => typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return `${JSON.stringify(word(username))} (${word(id)})`;
}

function whyNot({ status }: JsonObject): string {
  return status === 'used' || status === 'private' ? 'no mapping matches'
    : `no mapping matches; its status is ${JSON.stringify(status ?? null)}, and expressions look only at used and `
      + 'private ones';
}

function accountText({ name, uid, gid, groups, directory, shell }: Account): string {
  return `Local account ${name}: uid ${uid}, gid ${gid}, groups ${groups.join(' ')}, home ${directory}, shell ${shell}`;
}
