// Our multi-user endpoint as an administrator has it: configured and started as root, with an identity map to local
// accounts, on a machine where users can execute Switchyard and a Python with the field's SDK.

import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import { quoteAll } from '../../src/common/quote.ts';
import { OurEndpoint } from '../endpoint/our-endpoint.ts';
import type { ServicePlace } from '../endpoint/place.ts';
import { Closers } from '../service/closers.ts';
import type { LocalAccount } from './accounts.ts';

export interface SiteOptions {
  readonly name: string;
  readonly place: ServicePlace;
  /** Users can enter it. */
  readonly directory: string;
  /** Of user endpoints. */
  readonly template: string;
  /** Who may, by the service's name for them. */
  readonly users: ReadonlyMap<string, LocalAccount>;
  /** First on the PATH of user endpoints. */
  readonly programs: string;
}

export interface MultiUserSite extends AsyncDisposable {
  readonly endpoint: string;
  /** The process that is root. */
  readonly supervisor: number;
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const PROGRAM_MODE = 0o755;
const COPY_MS = 120_000;

/** Started, with no user endpoint. */
export async function multiUserSite(
  { name, place, directory, template, users, programs }: SiteOptions,
): Promise<MultiUserSite> {
  const home = join(directory, name);
  await mkdir(home);
  const write = async (file: string, text: string): Promise<string> => {
    await writeFile(join(home, file), text);
    return join(home, file);
  };
  const mappings = [...users].map(([username, account]) => ({
    source: '{username}', match: username, literal: true, output: account.name,
  }));
  const map = JSON.stringify([{ DATA_TYPE: 'expression_identity_mapping#1.0.0', mappings }]);
  await using opened = new Closers();
  const endpoint = opened.use(await OurEndpoint.configure({
    name, home, env: place.environment(home), options: [
      '--multi-user', '--template-config', await write('template.yaml.j2', template),
      '--id-mapping-config', await write('map.json', map),
      '--user-env-config', await write('environment.yaml', `PATH: ${programs}:/usr/local/bin:/usr/bin:/bin\n`),
    ],
  }));
  const { endpoint_id: id, pid } = await endpoint.start();
  const all = opened.move();
  return { endpoint: id, supervisor: pid, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

/** A folder of programs for user endpoints: ours, and the Python of `environment`. `account` is who tries them. */
export async function userPrograms(directory: string, environment: string, account: LocalAccount): Promise<string> {
  const copy = join(directory, 'python');
  // Where the original is, others may not go.
  await cp(environment, copy, { recursive: true, verbatimSymlinks: true });
  const bin = join(copy, 'bin');
  const program = join(bin, 'switchyard-endpoint');
  await writeFile(program, `#!/bin/sh\nexec ${quoteAll([process.execPath, MAIN, 'endpoint'])} "$@"\n`);
  await chmod(program, PROGRAM_MODE);
  await mustRun(['chmod', '--recursive', 'go+rX', copy], 'could not make a Python for users');
  const asUser = ['setpriv', `--reuid=${account.name}`, `--regid=${account.name}`, '--clear-groups', '--'] as const;
  await mustRun([...asUser, process.execPath, MAIN, '--version'],
    'other users cannot execute Switchyard where it is: put it where everybody can');
  await mustRun([...asUser, join(bin, 'python'), '-c', 'import globus_compute_sdk'], 'users cannot use the SDK');
  return bin;
}

async function mustRun(argv: readonly [string, ...string[]], failure: string): Promise<void> {
  const { code, stderr } = await exec(argv, { timeoutMs: COPY_MS });
  if (code !== 0) throw new ComputeError('COMMAND_FAILED', `${failure}: ${stderr.trim()}`);
}
