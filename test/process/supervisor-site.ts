// A supervisor as root over a real broker, real accounts, and a program in the place of the user endpoint's that writes
// down as what it was started and does what its payload says.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Connection } from '../../src/amqp/connection.ts';
import { Consumer } from '../../src/amqp/consumer.ts';
import { decodeMessage } from '../../src/amqp/messages.ts';
import { commandQueue, commandQueueDeclaration, COMMANDS, HEARTBEATS, SERVICE_DECLARATIONS } from '../../src/amqp/names.ts';
import { Publisher } from '../../src/amqp/publisher.ts';
import { endpointQueues, registeredQueues } from '../../src/amqp/queue-info.ts';
import { encodeStartCommand, userEndpointName, type StartCommand } from '../../src/amqp/start-command.ts';
import { Topology } from '../../src/amqp/topology.ts';
import type { JsonObject } from '../../src/common/json.ts';
import { parseSupervisorConfig } from '../../src/supervisor/config.ts';
import { findFiles } from '../../src/supervisor/files.ts';
import type { SupervisorOrders } from '../../src/supervisor/orders.ts';
import { sharedBroker, testDeps } from '../broker.ts';
import { scratch } from '../fakes/scratch.ts';
import type { LocalAccount } from '../local-account.ts';
import { until, within } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../src/supervisor/main.js', import.meta.url));

// Ends at once with a failure, or when it is told to; it cannot be told while it `hangs`.
const PROGRAM = (out: string): string => `#!/bin/sh
seen="${out}/$2"
cat > "$seen.payload"
ls -l /proc/$$/fd > "$seen.fds"
env > "$seen.env"
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|NSsid|NSpgid|NSpid|Umask)' /proc/$$/status > "$seen.status"
pwd > "$seen.cwd"
echo "$@" > "$seen.args"
mode=$(sed -n 's/.*"mode":"\\([a-z-]*\\)".*/\\1/p' "$seen.payload")
trap 'echo ended > "$seen.ended"; kill $!; exit 0' TERM
case "$mode" in
  fails) echo '{"type":"failed","step":77,"error":"ValidationError","message":"7 is not of type string"}'; exit 77;;
  exits) echo 'module: no such module' >&2; exit 3;;
  talks) echo 'Loading modules'; echo '{"some":"json"}'; exit 0;;
  dies) kill -9 $$;;
  escapes) printf '{"type":"failed","step":78,"error":"OSError","message":"x\\\\n\\\\u001b[2Jforged"}\\n'; exit 78;;
  hangs) trap '' TERM;;
  leaves) sleep 1000 & trap 'exit 0' TERM;;
esac
echo $$ > "$seen.pid"
echo '{"type":"up","notes":[]}'
[ "$mode" = idles ] && exit 0
while :; do sleep 1000 & wait $!; done
`;

export interface CommandOptions {
  readonly mode?: string;
  readonly childId?: string;
  /** What the AMQP message says, where it is not what it should. */
  readonly timestampS?: number;
  readonly contentType?: string;
  readonly messageId?: string;
  readonly change?: (command: StartCommand) => StartCommand;
  readonly body?: Buffer;
}

export interface SupervisorSite extends AsyncDisposable {
  readonly id: string;
  readonly directory: string;
  readonly url: string;
  /** Reports that reached the broker: from whom, and what they say. */
  readonly reports: { readonly id: string; readonly state: JsonObject }[];
  readonly command: (username: string, options?: CommandOptions) => Promise<string>;
  /** What the stand-in has written; waits for it. */
  seen(childId: string, what: string): Promise<string>;
  pidOf(childId: string): Promise<number>;
  notice(childId: string): Promise<string>;
  log(): Promise<string>;
  logged(pattern: RegExp): Promise<string>;
  start(options?: StartOptions): Promise<RunningSupervisor>;
  file(name: string): string;
}

export interface StartOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningSupervisor {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  /** As if whoever started it were gone. */
  release(): void;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Everybody's username at example.org is their local name. */
export async function supervisorSite(): Promise<SupervisorSite> {
  const files = await scratch();
  await chmod(files.path, 0o755);
  const broker = await sharedBroker();
  const id = randomUUID();
  const connection = new Connection({ url: broker.url, name: 'supervisor test' }, testDeps);
  await connection.open();
  const topology = new Topology(connection, testDeps);
  await topology.declare([...SERVICE_DECLARATIONS, commandQueueDeclaration(id)]);
  const publisher = new Publisher(connection, testDeps);
  const reports: SupervisorSite['reports'][number][] = [];
  const reading = new Consumer(connection, testDeps, {
    queue: HEARTBEATS, prefetch: 1_000, onMessage: (delivery) => {
      const message = decodeMessage(delivery.body);
      if (message.type === 'ep_status_report') reports.push({ id: message.endpointId, state: message.state });
      delivery.ack();
    },
  });
  await reading.ready;
  const [directory, out, bin] = [files.at('endpoint'), files.at('out'), files.at('bin')];
  await writeSite({ directory, out, bin });
  const supervisors: ChildProcess[] = [];
  const log = async (): Promise<string> => await readFile(`${directory}/endpoint.log`, 'utf8').catch(() => '');
  const site: SupervisorSite = {
    id, directory, url: broker.url, reports, log, file: (name) => `${directory}/${name}`,
    command: async (username, { childId = randomUUID(), mode = 'serves', change, body, ...properties } = {}) => {
      const command: StartCommand = {
        username, effectiveIdentity: randomIdOf(username), args: [],
        identitySet: [{ sub: randomIdOf(username), id: randomIdOf(username), username, status: 'used' }],
        name: userEndpointName(id, childId), endpointId: childId, userOptions: { mode }, userRuntime: {},
        queues: endpointQueues(childId, broker.url),
      };
      await publisher.publish({
        exchange: COMMANDS, routingKey: commandQueue(id), contentType: 'application/json',
        timestampS: Math.floor(Date.now() / 1000), body: body ?? encodeStartCommand(change?.(command) ?? command),
        ...properties,
      });
      return childId;
    },
    seen: async (childId, what) => await until(`what ${childId} has seen`, async () =>
      await readFile(`${out}/${userEndpointName(id, childId)}.${what}`, 'utf8').catch(() => undefined)),
    pidOf: async (childId) => await until('its process', async () =>
      Number(await readFile(`${out}/${userEndpointName(id, childId)}.pid`, 'utf8').catch(() => 0)) || undefined),
    notice: async (childId) => await until('the notice', () => {
      const error = reports.find((one) => one.id === childId && 'error' in one.state)?.state['error'];
      return typeof error === 'string' ? error : undefined;
    }),
    logged: async (pattern) => await until(`${pattern} in the log`, async () => pattern.exec(await log())?.[0]),
    start: async ({ config = {}, environment = {} } = {}) => {
      const written = { identity_mapping_config_path: 'map.json', heartbeat_period: 5, ...config };
      const parsed = parseSupervisorConfig(written);
      const found = await findFiles(directory, parsed);
      const { command_queue_info: commands, heartbeat_queue_info: heartbeats } = registeredQueues(id, broker.url);
      const orders: SupervisorOrders = {
        endpoint_id: id, name: 'site', directory, command_queue_info: commands, heartbeat_queue_info: heartbeats,
        config: parsed, written, files: found, identity_map: found.map, owner_identities: [], debug: false,
        console: false, leashed: true,
      };
      const child = spawn(process.execPath, [MAIN], {
        stdio: ['pipe', 'pipe', 'inherit'], detached: true, cwd: directory, env: { ...process.env, ...environment },
      });
      supervisors.push(child);
      return await running(child, orders);
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of supervisors) {
        if (child.exitCode === null && child.signalCode === null) await running(child).then((one) => one.stop());
      }
      await reading.close(0);
      await publisher.close(0);
      await topology.close();
      await connection.close();
      await broker[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
  return site;
}

async function running(child: ChildProcess, orders?: SupervisorOrders): Promise<RunningSupervisor> {
  const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve); });
  const { pid = 0, stdin, stdout } = child;
  if (orders !== undefined && stdin !== null && stdout !== null) {
    stdin.write(`${JSON.stringify(orders)}\n`);
    const said = new Promise<string>((resolve) => { createInterface({ input: stdout }).once('line', resolve); });
    const line = await within(20_000, 'the start of the supervisor', Promise.race([said, ended.then(String)]));
    assert.match(line, /"up"/);
  }
  return {
    pid, ended,
    release: () => { stdin?.destroy(); },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return await within(80_000, 'the end of the supervisor', ended);
    },
  };
}

async function writeSite({ directory, out, bin }: Record<'directory' | 'out' | 'bin', string>): Promise<void> {
  await mkdir(directory, { mode: 0o711 });
  await mkdir(out);
  await chmod(out, 0o1777);
  await mkdir(bin);
  await chmod(bin, 0o755);
  await writeFile(`${bin}/switchyard-endpoint`, PROGRAM(out));
  await chmod(`${bin}/switchyard-endpoint`, 0o755);
  await writeFile(`${directory}/user_environment.yaml`, `PATH: ${bin}:/usr/bin:/bin\nSITE: here\nFLAG: yes\nNONE:\n`);
  await writeFile(`${directory}/user_config_template.yaml.j2`, 'engine: {}\n');
  await writeFile(`${directory}/map.json`, JSON.stringify([{
    DATA_TYPE: 'expression_identity_mapping#1.0.0',
    mappings: [{ source: '{username}', match: '(.*)@example\\.org', output: '{0}' }],
  }]));
}

const ids = new Map<string, string>();

/** The same for the same name. */
function randomIdOf(username: string): string {
  const known = ids.get(username) ?? randomUUID();
  ids.set(username, known);
  return known;
}

export function mailOf({ name }: LocalAccount): string {
  return `${name}@example.org`;
}
