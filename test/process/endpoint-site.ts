// Endpoints of a test: the command line as a person uses it, over a real service, with a task to run.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFunction, writeValue } from '../../src/common/javascript.ts';
import { pack } from '../../src/common/packed.ts';
import { encodePayload } from '../../src/common/payload.ts';
import { installation } from '../installation.ts';
import type { TestService, User } from '../service.ts';
import { start, switchyard, type Ended, type Started } from './command.ts';
import { until, withRun, type Process } from './harness.ts';
import { atTerminal, type TerminalSession } from './terminal.ts';

const ONLINE_MS = 60_000;

/** What a configuration for tests needs to say. */
export const CONFIG = `
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 1
  provider: {type: LocalProvider, init_blocks: 1, min_blocks: 0, max_blocks: 1}
heartbeat_period: 5
`;

export interface EndpointSite {
  /** The home directory. */
  readonly directory: string;
  /** `switchyard endpoint …`, to its end. */
  endpoint(...args: readonly string[]): Promise<Ended>;
  /** `switchyard …` with what is typed in. */
  command(args: readonly string[], input?: string): Promise<Ended>;
  begin(...args: readonly string[]): Started;
  /** What is typed at a shell's prompt after `switchyard`. */
  atTerminal(words: string): TerminalSession;
  file(name: string, of?: string): string;
  id(): string;
  pid(): number;
  processes(): Process[];
  isOnline(): Promise<boolean>;
  online(wanted: boolean): Promise<void>;
}

/** Logged in, and nothing configured. Afterwards no process of it is left. */
export async function withEndpointSite(
  service: TestService, user: User, use: (site: EndpointSite) => Promise<void>,
): Promise<void> {
  await withRun(async (directory, processes) => {
    const env = { SWITCHYARD_SERVICE_URL: service.url };
    // What users of a multi-user endpoint can run as well.
    const main = join((await installation()).dist, 'src/cli/main.js');
    const command: EndpointSite['command'] = async (args, input = '') =>
      await switchyard(args, { cwd: directory, input, env, main });
    const file = (name: string, of = 'one'): string => join(directory, '.switchyard/endpoints', of, name);
    const site: EndpointSite = {
      directory, command, processes, file,
      endpoint: async (...args) => await command(['endpoint', ...args]),
      begin: (...args) => start(args, { cwd: directory, env, main }),
      atTerminal: (words) => atTerminal(words, { cwd: directory, env }),
      id: () => (JSON.parse(readFileSync(file('endpoint.json'), 'utf8')) as { endpoint_id: string }).endpoint_id,
      pid: () => (JSON.parse(readFileSync(file('daemon.pid'), 'utf8')) as { pid: number }).pid,
      isOnline: async () => (await service.ask('GET', `/v2/endpoints/${site.id()}/status`, {
        as: user.token,
      })).body.status === 'online',
      online: async (wanted) => {
        const what = wanted ? 'its first heartbeat' : 'its last';
        await until(what, async () => await site.isOnline() === wanted, ONLINE_MS);
      },
    };
    const { status, stderr } = await command(['login', '--token'], `${user.token}\n`);
    assert.equal(status, 0, stderr);
    await use(site);
  });
}

/** A task that doubles 21, from its registration to its end. */
export async function runsTask(service: TestService, user: User, endpoint: string): Promise<void> {
  const as = user.token;
  const code = pack(writeFunction({ form: 'source', name: 'double', source: '(x) => 2 * x' }));
  const registered = await service.ask('POST', '/v3/functions', {
    as, body: { function_name: 'double', function_code: code },
  });
  assert.equal(registered.status, 200, registered.text);
  const payload = pack(writeValue(encodePayload([21])));
  const submitted = await service.ask('POST', `/v3/endpoints/${endpoint}/submit`, {
    as, body: { tasks: { [registered.body.function_uuid as string]: [payload] } },
  });
  assert.equal(submitted.status, 200, submitted.text);
  const [[id]] = Object.values(submitted.body.tasks as Record<string, [string]>) as [[string]];
  const done = await until('the task', async () => {
    const { body } = await service.ask('GET', `/v2/tasks/${id}`, { as });
    return body.status === 'success' || body.status === 'failed' ? body : undefined;
  }, ONLINE_MS);
  assert.equal(done.status, 'success', done.exception as string);
  assert.equal(done.result, writeValue(encodePayload(42)));
}
