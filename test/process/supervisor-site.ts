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
import {
  commandQueue, commandQueueDeclaration, COMMANDS, HEARTBEATS, SERVICE_DECLARATIONS,
} from '../../src/amqp/names.ts';
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
const STAND_IN = (out: string): string => `#!/bin/sh
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

export interface Report {
  readonly id: string;
  readonly state: JsonObject;
}

/** Everybody's username at example.org is their local name. */
export class SupervisorSite implements AsyncDisposable {
  readonly id = randomUUID();
  /** The multi-user endpoint's own. */
  readonly directory: string;
  /** Reports that reached the broker: of whom, and what they say. */
  readonly reports: Report[] = [];
  readonly #out: string;
  readonly #url: string;
  readonly #publisher: Publisher;
  readonly #ends: Ends;
  readonly #supervisors: RunningSupervisor[] = [];

  private constructor(
    { path, url }: { readonly path: string; readonly url: string }, publisher: Publisher, ends: Ends,
  ) {
    this.directory = `${path}/endpoint`;
    this.#out = `${path}/out`;
    this.#url = url;
    this.#publisher = publisher;
    this.#ends = ends;
  }

  static async open(): Promise<SupervisorSite> {
    const ends = new Ends();
    const files = ends.use(await scratch());
    await chmod(files.path, 0o755);
    const broker = ends.use(await sharedBroker());
    const connection = ends.use(new Connection({ url: broker.url, name: 'supervisor test' }, testDeps));
    await connection.open();
    const publisher = ends.use(new Publisher(connection, testDeps));
    const site = new SupervisorSite({ path: files.path, url: broker.url }, publisher, ends);
    await ends.use(new Topology(connection, testDeps))
      .declare([...SERVICE_DECLARATIONS, commandQueueDeclaration(site.id)]);
    const reading = ends.use(new Consumer(connection, testDeps, {
      queue: HEARTBEATS, prefetch: 1_000, onMessage: (delivery) => {
        const message = decodeMessage(delivery.body);
        if (message.type === 'ep_status_report') site.reports.push({ id: message.endpointId, state: message.state });
        delivery.ack();
      },
    }));
    await reading.ready;
    await writeSite({ directory: site.directory, out: site.#out, bin: files.at('bin') });
    return site;
  }

  /** Sends a start command; resolves to the user endpoint's id. */
  async command(username: string, options: CommandOptions = {}): Promise<string> {
    const { childId = randomUUID(), mode = 'serves', change, body, ...properties } = options;
    const identity = identityOf(username);
    const command: StartCommand = {
      username, effectiveIdentity: identity, args: [], name: userEndpointName(this.id, childId), endpointId: childId,
      identitySet: [{ sub: identity, id: identity, username, status: 'used' }],
      userOptions: { mode }, userRuntime: {}, queues: endpointQueues(childId, this.#url),
    };
    await this.#publisher.publish({
      exchange: COMMANDS, routingKey: commandQueue(this.id), contentType: 'application/json',
      timestampS: Math.floor(Date.now() / 1000), body: body ?? encodeStartCommand(change?.(command) ?? command),
      ...properties,
    });
    return childId;
  }

  /** What the stand-in has written; waits for it. */
  async seen(childId: string, what: string): Promise<string> {
    const path = `${this.#out}/${userEndpointName(this.id, childId)}.${what}`;
    return await until(`what ${childId} has seen`, async () => await readFile(path, 'utf8').catch(() => undefined));
  }

  /** When it is up. */
  async pidOf(childId: string): Promise<number> {
    return await until('its process', async () => Number(await this.seen(childId, 'pid')) || undefined);
  }

  async notice(childId: string): Promise<string> {
    return await until('the notice', () => {
      const error = this.reports.find(({ id, state }) => id === childId && 'error' in state)?.state['error'];
      return typeof error === 'string' ? error : undefined;
    });
  }

  async log(): Promise<string> {
    return await readFile(this.file('endpoint.log'), 'utf8').catch(() => '');
  }

  async logged(pattern: RegExp): Promise<string> {
    return await until(`${pattern} in the log`, async () => pattern.exec(await this.log())?.[0]);
  }

  file(name: string): string {
    return `${this.directory}/${name}`;
  }

  async start({ config = {}, environment = {} }: StartOptions = {}): Promise<RunningSupervisor> {
    const written = { identity_mapping_config_path: 'map.json', heartbeat_period: 5, ...config };
    const parsed = parseSupervisorConfig(written);
    const files = await findFiles(this.directory, parsed);
    const { command_queue_info: commands, heartbeat_queue_info: heartbeats } = registeredQueues(this.id, this.#url);
    const orders: SupervisorOrders = {
      endpoint_id: this.id, name: 'site', directory: this.directory, command_queue_info: commands,
      heartbeat_queue_info: heartbeats, config: parsed, written, files, owner_identities: [],
      debug: false, console: false, leashed: true,
    };
    const child = spawn(process.execPath, [MAIN], {
      stdio: ['pipe', 'pipe', 'inherit'], detached: true, cwd: this.directory, env: { ...process.env, ...environment },
    });
    const supervisor = supervisorIn(child);
    this.#supervisors.push(supervisor);
    const said = new Promise<string>((resolve) => { createInterface({ input: child.stdout }).once('line', resolve); });
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    const first = Promise.race([said, supervisor.ended.then(String)]);
    const line = await within(20_000, 'the start of the supervisor', first);
    assert.match(line, /"up"/);
    return supervisor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const supervisor of this.#supervisors) await supervisor.stop();
    await this.#ends[Symbol.asyncDispose]();
  }
}

function supervisorIn(child: ChildProcess): RunningSupervisor {
  const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve); });
  return {
    pid: child.pid ?? 0, ended,
    release: () => { child.stdin?.destroy(); },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return await within(80_000, 'the end of the supervisor', ended);
    },
  };
}

/** The last that was opened is closed first. */
class Ends implements AsyncDisposable {
  readonly #all: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(one: T): T {
    this.#all.unshift(one);
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#all) await one[Symbol.asyncDispose]();
  }
}

export async function writeSite({ directory, out, bin }: Record<'directory' | 'out' | 'bin', string>): Promise<void> {
  await mkdir(directory, { mode: 0o711 });
  await mkdir(out);
  await chmod(out, 0o1777);
  await mkdir(bin);
  await chmod(bin, 0o755);
  await writeFile(`${bin}/switchyard-endpoint`, STAND_IN(out));
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
function identityOf(username: string): string {
  const known = ids.get(username) ?? randomUUID();
  ids.set(username, known);
  return known;
}

export function mailOf({ name }: LocalAccount): string {
  return `${name}@example.org`;
}
