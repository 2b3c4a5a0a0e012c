// The service as a whole: what it consists of, in the order in which it comes up, and in which it goes down again.

import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { lock } from '../common/lock.ts';
import type { Logger } from '../common/log.ts';
import { Doorkeeper } from './auth.ts';
import { openBroker } from './broker.ts';
import type { ServiceConfig } from './config.ts';
import { Courier } from './courier.ts';
import type { Database } from './database.ts';
import { Dispatcher } from './dispatch.ts';
import { Ending } from './ending.ts';
import { Endpoints } from './endpoints.ts';
import { FailedStarts } from './failed-starts.ts';
import { Functions } from './functions.ts';
import { Heartbeats } from './heartbeats.ts';
import { HttpServer } from './http.ts';
import { migrate } from './migrations.ts';
import { openDatabase } from './open-database.ts';
import { OpenTasks } from './open-tasks.ts';
import { openSigner } from './oauth/keys.ts';
import { OAuthServer } from './oauth/server.ts';
import { Policies } from './policies.ts';
import { Presence } from './presence.ts';
import { Results } from './results.ts';
import { routesOf } from './routes/index.ts';
import { storeIn, type Store } from './store.ts';
import { Submissions } from './submissions.ts';
import { Streams } from './streams.ts';
import { SWEEP_EVERY_MS, sweep } from './sweep.ts';
import { TaskGroups } from './task-groups.ts';
import { UserEndpoints, WATCH_EVERY_MS } from './user-endpoints.ts';

export interface ServiceDeps {
  readonly log: Logger;
  readonly clock: Clock;
  readonly version: string;
}

/** What the command line finds in the data directory while the service runs. */
export interface ServiceFile {
  readonly pid: number;
  readonly url: string;
  /** Secret: whoever has it may add users. */
  readonly admin_token: string;
}

export const SERVICE_FILE = 'service.json';

/** Undone from the last to the first, each step even if another fails. */
type Undo = (() => Promise<void> | void)[];

export class Service {
  readonly url: string;
  readonly #undo: Undo;
  #closed: Promise<void> | undefined;

  private constructor(url: string, undo: Undo) {
    this.url = url;
    this.#undo = undo;
  }

  /** Throws what stands in the way, with what to do about it. */
  static async start(config: ServiceConfig, deps: ServiceDeps): Promise<Service> {
    const undo: Undo = [];
    try {
      const url = await assemble(config, deps, undo);
      return new Service(url, undo);
    } catch (error) {
      await undoAll(undo, deps.log);
      throw error;
    }
  }

  /** No new requests; those under way are answered, what is stored is stored. Safe to call twice. */
  close(log: Logger): Promise<void> {
    this.#closed ??= undoAll(this.#undo, log);
    return this.#closed;
  }
}

async function undoAll(undo: Undo, log: Logger): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    try {
      await step();
    } catch (err) {
      log.warn({ err }, 'a part of the service did not close');
    }
  }
}

async function assemble(config: ServiceConfig, deps: ServiceDeps, undo: Undo): Promise<string> {
  const { log, clock, version } = deps;
  const { database, store } = await openStore(config, log, undo);
  const { courier, grants } = await openCourier(config, deps, store, undo);
  const presence = new Presence();
  const functions = new Functions(store.functions);
  const groups = new TaskGroups({ tasks: store.tasks, courier, clock });
  const openTasks = new OpenTasks();
  const results = new Results({
    store: store.results, streams: new Streams(courier, log), groups, openTasks, clock, log,
  });
  const dispatcher = new Dispatcher({ store, courier, results, clock, log });
  const ending = new Ending({ store, courier, grants, presence, results });
  const failedStarts = new FailedStarts(config.failedStartsMax);
  const userEndpoints = new UserEndpoints({
    store, courier, grants, presence, ending, failedStarts, clock, log,
  });
  const policies = new Policies(store.policies, { clock, log });
  const endpoints = new Endpoints({ store, courier, grants, policies, presence, ending, clock });
  const submissions = new Submissions({
    store, endpoints, functions, policies, userEndpoints, courier, groups, openTasks, dispatcher, clock,
  });
  const heartbeats = new Heartbeats({ store: store.endpoints, presence, userEndpoints, clock, log });
  await heartbeats.restore();
  undo.push(() => heartbeats.close(), () => results.close(), () => dispatcher.close(), () => submissions.close());
  undo.push(() => courier.stopReading());

  const adminToken = randomBytes(32).toString('base64url');
  const doorkeeper = new Doorkeeper(store.identities, adminToken, clock);
  const oauth = new OAuthServer(store.identities, config, clock);
  const signer = await openSigner(store.identities);
  const routes = routesOf({
    store, database, endpoints, userEndpoints, policies, functions, submissions, results, groups, presence, courier,
    grants, doorkeeper, oauth, signer, clock, version, publicUrl: config.publicUrl,
  });
  const http = await HttpServer.make({ host: config.host, port: config.port, version }, routes, doorkeeper, log);
  undo.push(() => http.close());

  await Promise.all([dispatcher.recover(), submissions.recover()]);
  await courier.read('results', (delivery) => results.onDelivery(delivery));
  await courier.read('heartbeats', (delivery) => heartbeats.onDelivery(delivery));
  undo.push(repeating(SWEEP_EVERY_MS, deps, (signal) => sweep({
    store, database, userEndpoints, clock, log,
  }, config, signal)));
  undo.push(repeating(WATCH_EVERY_MS, deps, () => userEndpoints.watch()));
  const port = await http.listen();
  const url = `http://${config.host === '127.0.0.1' ? 'localhost' : bracketed(config.host)}:${port}`;
  undo.push(await announce(
    config.directory, { pid: process.pid, url: `http://${reachable(config.host)}:${port}`, admin_token: adminToken },
  ));
  return config.publicUrl ?? url;
}

async function openStore(
  { directory, databaseUrl: url, storageReserveBytes: reserveBytes }: ServiceConfig, log: Logger, undo: Undo,
): Promise<{ database: Database; store: Store }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  undo.push(await lock(join(directory, 'service.lock'), { thing: 'data directory', user: 'service' }));
  const database = await openDatabase({ url, directory, reserveBytes }, log.child({ part: 'database' }));
  undo.push(() => database.close());
  await migrate(database);
  return { database, store: storeIn(database) };
}

async function openCourier(
  config: ServiceConfig, { log, clock }: ServiceDeps, store: Store, undo: Undo,
): Promise<{ courier: Courier; grants: Awaited<ReturnType<typeof openBroker>>['grants'] }> {
  const secret = await store.identities.setting('broker secret', async () => randomBytes(32).toString('base64url'));
  const broker = await openBroker(
    config.broker, Buffer.from(secret, 'base64url'), { log: log.child({ part: 'broker' }), clock },
  );
  undo.push(() => broker.close());
  const courier = await Courier.open({ broker, log, clock });
  undo.push(() => courier.close());
  return { courier, grants: broker.grants };
}

/** One round after the other; what one has to say, it says itself. How to end it. */
function repeating(
  everyMs: number, { log, clock }: ServiceDeps, round: (signal: AbortSignal) => Promise<unknown>,
): () => Promise<void> {
  const closing = new AbortController();
  let running = Promise.resolve();
  const stop = clock.every(everyMs, () => {
    running = running.then(() => round(closing.signal)).then(
      () => { /* told by the round */ }, (err: unknown) => { log.warn({ err }, 'round failed'); },
    );
  });
  return async () => {
    stop();
    closing.abort();
    await running;
  };
}

/** For the command line; only its user can read it. */
async function announce(directory: string, file: ServiceFile): Promise<() => Promise<void>> {
  const path = join(directory, SERVICE_FILE);
  // Whole or not at all: a reader never finds half of it.
  await writeFile(`${path}.new`, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return () => rm(path, { force: true });
}

/** Where a service that listens at all addresses is reached from its own machine. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' || host === '' ? 'localhost' : bracketed(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
