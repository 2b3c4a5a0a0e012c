import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeHeader } from '../../src/common/codec.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import { Executor } from '../../src/sdk/index.ts';
import { Dialer, type ClientKeys } from '../../engine/socket.ts';
import { until } from './harness.ts';
import { checkService, registration, Wire, WireClient } from './wire.ts';

const ONE_WORKER = { max_workers_per_node: 1, provider: { type: 'LocalProvider', init_blocks: 1, max_blocks: 1 } };

/** An engine that has run a task, and what is known of it from outside. */
class Running implements AsyncDisposable {
  readonly executor: Executor;
  readonly directory: string;

  private constructor(directory: string, engine: object) {
    this.directory = directory;
    this.executor = new Executor({ engine: { ...ONE_WORKER, ...engine }, directory, logLevel: 'trace' });
  }

  static async start(engine: object = {}): Promise<Running> {
    const running = new Running(await mkdtemp(join(tmpdir(), 'encryption-')), engine);
    assert.equal(await running.executor.submit((a: number, b: number) => a + b, 1, 2), 3);
    return running;
  }

  get folder(): string {
    const { folder } = this.executor.status();
    assert.ok(folder);
    return folder;
  }

  get configPath(): string {
    return join(this.folder, 'blocks', '0', 'manager.json');
  }

  async config(): Promise<ManagerConfig> {
    return JSON.parse(await readFile(this.configPath, 'utf8')) as ManagerConfig; // the engine's own file
  }

  /** Interchange, managers and whatever stands between them and this process. */
  async processes(): Promise<number[]> {
    const { interchange, managers } = this.executor.status();
    assert.ok(interchange && managers.length > 0);
    const pids = [interchange.pid];
    for (const { pid } of managers) {
      for (let at = pid; at > 1 && at !== process.pid; at = await parentOf(at)) pids.push(at);
    }
    return pids;
  }

  /** Every file of the run, with its text. */
  async files(): Promise<{ path: string; text: string }[]> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return Promise.all(entries.filter((entry) => entry.isFile()).map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, text: await readFile(path, 'utf8') };
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function parentOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
}

/** The command line and environment that others on the machine, or a core dump, may show. */
async function seenOf(pid: number): Promise<string> {
  const parts = ['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8'));
  return (await Promise.all(parts)).join(' ');
}

function assertWithout(text: string, secrets: readonly string[], where: string): void {
  for (const secret of secrets) assert.ok(!text.includes(secret), `a key is in ${where}`);
}

/** What a process with these keys hears when it says that it is a manager. */
async function heardAt(port: number, keys: ClientKeys | null, whileListening: () => Promise<void>): Promise<number> {
  const dialer = new Dialer({ address: '127.0.0.1', port, identity: '0.node.guest', keys });
  let heard = 0;
  dialer.listen(() => { heard++; });
  dialer.send([encodeHeader(registration('0.node.guest', 1))]);
  await whileListening();
  await dialer.close(true);
  return heard;
}

test('keys are in files of their owner, in no command line, environment or log, and gone after the run', async () => {
  await using running = await Running.start();
  const { keys } = await running.config();
  assert.ok(keys, 'an engine is encrypted unless it is told otherwise');
  const secrets = [keys.own.secretKey, keys.own.publicKey, keys.serverPublicKey];
  const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  assert.equal(await mode(running.configPath), 0o600);
  for (const folder of ['', 'blocks', 'blocks/0']) assert.equal(await mode(join(running.folder, folder)), 0o700);
  const pids = await running.processes();
  assert.ok(pids.length >= 2);
  for (const pid of pids) assertWithout(await seenOf(pid), secrets, `what process ${pid} shows`);
  const { configPath } = running;
  await running.executor.close();
  assert.equal(existsSync(configPath), false);
  const files = await running.files();
  assert.ok(files.some(({ path, text }) => path.endsWith('interchange.log') && text.includes('manager registered')));
  for (const { path, text } of files) assertWithout(text, secrets, path);
});

test('the interchange shows none of its keys', async () => {
  await using wire = await Wire.start({ logLevel: 'trace' });
  await checkService(wire, new WireClient(wire), 'one');
  assert.ok(wire.keys);
  const secrets = Object.values(wire.keys).flatMap(({ publicKey, secretKey }) => [publicKey, secretKey]);
  assertWithout(await seenOf(wire.pid), secrets, 'what the process shows');
  const log = await wire.log();
  assert.match(log, /manager registered/);
  assertWithout(log, secrets, 'its log');
});

test('each run has keys of its own, and those of another run open nothing', async () => {
  await using one = await Running.start();
  await using other = await Running.start();
  const [mine, theirs] = [await one.config(), await other.config()];
  assert.ok(mine.keys && theirs.keys);
  const keys = [mine.keys, theirs.keys].flatMap(({ serverPublicKey, own }) =>
    [serverPublicKey, own.publicKey, own.secretKey]);
  assert.equal(new Set(keys).size, 6);
  const mixtures = [
    mine.keys, { ...theirs.keys, own: mine.keys.own }, { ...theirs.keys, serverPublicKey: mine.keys.serverPublicKey },
  ];
  for (const mixture of mixtures) {
    const heard = await heardAt(theirs.port, mixture, async () => {
      for (let i = 0; i < 20; i++) assert.equal(await other.executor.submit((n: number) => n, i), i);
    });
    assert.equal(heard, 0);
  }
  const { managers } = other.executor.status();
  assert.deepEqual(managers.map(({ node }) => node).filter((node) => node === 'node'), []);
});

test('without encryption there are no keys, everything works, and whoever connects is heard', async () => {
  await using running = await Running.start({ encrypted: false });
  const { keys, port } = await running.config();
  assert.equal(keys, null);
  await using wire = await Wire.start({}, false);
  await checkService(wire, new WireClient(wire), 'plain');
  let heard = 0;
  const guest = new Dialer({ address: '127.0.0.1', port, identity: '0.node.guest', keys: null });
  guest.listen(() => { heard++; });
  guest.send([encodeHeader({ type: 'heartbeat' })]);
  await until('an answer', () => heard > 0);
  await guest.close(true);
  assert.equal(await running.executor.submit((text: string) => text.length, 'plain'), 5);
});
