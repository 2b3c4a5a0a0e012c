// User endpoints for tests: the hidden command, started as a local account by the means of a supervisor.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { installation } from '../installation.ts';
import type { LocalAccount } from '../local-account.ts';
import type { Registered } from './endpoint.ts';
import { within } from './harness.ts';

const { node: NODE, dist } = await installation();
export const CLI = join(dist, 'src/cli/main.js');
/** A supervisor for the purpose: it starts the rest of its words, and waits. */
const SUPERVISOR = ['/bin/sh', '-c', 'exec 3<&0; "$@" <&3 3<&- & wait', 'sh'];
const START_MS = 60_000;
const END_MS = 60_000;

export interface Answer {
  readonly type: 'up' | 'failed';
  readonly step?: number;
  readonly error?: string;
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
}

/** One worker on this machine. */
export const TEMPLATE = `
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 1
  address: 127.0.0.1
  provider: {type: LocalProvider, init_blocks: 1, min_blocks: 1, max_blocks: 1}
heartbeat_period: 5
`;

export interface UserEndpointOptions {
  readonly name?: string;
  readonly template?: string;
  readonly schema?: string;
  readonly options?: object;
  readonly allowedFunctions?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** In the place of setpriv's words. */
  readonly setpriv?: readonly string[];
  /** A process of its own starts it, which is `child` then. */
  readonly viaSupervisor?: boolean;
  /** What stands between setpriv and our program. */
  readonly wrapper?: readonly string[];
  /** An open descriptor that it inherits. */
  readonly leaked?: number;
  readonly local?: object;
}

export interface RunningUserEndpoint {
  readonly child: ChildProcess;
  readonly answer: Promise<Answer>;
  readonly exited: Promise<number | string>;
  readonly directory: string;
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** What a supervisor that is root makes of a process. */
export function becoming({ uid, gid, groups }: LocalAccount): readonly string[] {
  return ['--reuid', String(uid), '--regid', String(gid), '--groups', groups.join(','), '--inh-caps=-all',
    '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs', '--pdeathsig', 'TERM'];
}

function payloadFor(
  account: LocalAccount, { id, queues }: Registered, options: UserEndpointOptions, supervisor: number,
): string {
  const { template = TEMPLATE, schema, options: values = {}, allowedFunctions } = options;
  return JSON.stringify({
    amqp_creds: { endpoint_id: id, ...queues },
    ep_info: { posix_ppid: supervisor, globus_matched_identity: { id: 'i', username: 'alice@example.org' } },
    ...allowedFunctions === undefined ? {} : { allowed_functions: allowedFunctions },
    debug: false,
    render: {
      template: { path: '/etc/switchyard/user_config_template.yaml.j2', text: template },
      schema: schema === undefined ? null : { path: '/etc/switchyard/user_config_schema.json', text: schema },
      user_opts: values, user_runtime: { globus_compute_sdk_version: '4.19.0', python: { version: '3.12.1' } },
      parent_config: {},
      mapped_identity: {
        local: {
          uname: account.name, uid: account.uid, gid: account.gid, gecos: '', shell: '/bin/sh', dir: account.home,
          groups: account.groups, ...options.local,
        },
        globus: { id: 'i' },
      },
    },
  });
}

export function startUserEndpoint(
  account: LocalAccount, registered: Registered, options: UserEndpointOptions = {},
): RunningUserEndpoint {
  const { name = `uep.${registered.id}`, environment, setpriv = becoming(account), wrapper = [], leaked } = options;
  const [file, ...argv] = [...options.viaSupervisor ? SUPERVISOR : [], 'setpriv', ...setpriv, '--', ...wrapper,
    NODE, CLI, 'endpoint', '_start-user-endpoint', name];
  const child = spawn(file, argv, {
    stdio: ['pipe', 'pipe', 'pipe', ...leaked === undefined ? [] : [leaked]], cwd: '/', detached: true,
    env: environment ?? { HOME: account.home, USER: account.name, PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
  return watched(child, join(account.home, '.switchyard/endpoints', name),
    payloadFor(account, registered, options, options.viaSupervisor ? child.pid ?? 0 : process.pid));
}

function watched(child: ChildProcess, directory: string, payload: string): RunningUserEndpoint {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('unreachable: they are pipes');
  let errors = '';
  stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? ''));
  });
  const answer = within(START_MS, 'the start of the user endpoint', new Promise<Answer>((resolve, reject) => {
    createInterface({ input: stdout }).once('line', (line) => {
      resolve(JSON.parse(line) as Answer);
      // As a supervisor does, which has no more to hear.
      stdout.destroy();
      stderr.destroy();
    });
    child.once('close', (code, signal) => reject(new Error(`it ended with ${code ?? signal}: ${errors}`)));
  }));
  answer.catch(() => { /* whoever waits for it hears of it */ });
  stdin.on('error', () => { /* it ended before it read everything */ });
  stdin.end(payload);
  return {
    child, answer, exited, directory,
    log: () => readFileSync(join(directory, 'endpoint.log'), 'utf8'),
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return await within(END_MS, 'the end of the user endpoint', exited);
    },
  };
}
