// One user's endpoint, put together: queues of the broker, ledger, engine, reports.

import { join } from 'node:path';
import { Connection } from '../amqp/connection.ts';
import { Consumer, type Delivery } from '../amqp/consumer.ts';
import { Heartbeat } from '../amqp/heartbeat.ts';
import { Publisher } from '../amqp/publisher.ts';
import type { EndpointQueues } from '../amqp/queue-info.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Failure } from '../common/protocol.ts';
import { Engine } from '../../engine/engine.ts';
import { aborted } from './aborted.ts';
import { Bridge } from './bridge.ts';
import type { EndpointConfig } from './config.ts';
import { tasksDirectory } from './engine-block.ts';
import { idleStep, NOT_IDLE, titleOf, type IdleStep } from './idle.ts';
import { Ledger } from './ledger.ts';
import { Outbox } from './outbox.ts';
import { Programs } from './programs.ts';
import { refusal } from './queue-refusal.ts';
import { reportOf, type StartInfo } from './status.ts';

export interface EndpointOptions {
  readonly endpointId: string;
  readonly name: string;
  /** Its own: logs, ledger, folders of its runs and tasks. Absolute; compute nodes see it under the same path. */
  readonly directory: string;
  readonly queues: EndpointQueues;
  readonly config: EndpointConfig;
  readonly logLevel: string;
  readonly info: StartInfo;
}

export interface EndpointDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** What goes in front of the process's title. */
  readonly onTitle: (prefix: string) => void;
}

export interface CloseOptions {
  /** How long what runs may take to end by itself. */
  readonly drainMs?: number;
  readonly hurry?: AbortSignal;
}

/** Why it ends by itself. */
export type Ending =
  | { readonly type: 'idle' }
  | { readonly type: 'failed'; readonly error: ComputeError };

/** How long a broker may take to answer when the endpoint starts. */
const PATIENCE_MS = 30_000;
/** Of an instance that was killed with its machine the broker learns late; else the queue is free at once. */
const REFUSED_MS_MAX = 10_000;
/** Messages that are not on the disk yet. */
const PREFETCH = 128;
/** What runs may end by itself when the endpoint is told to stop. The rest runs again at the next start. */
const DRAIN_MS = 20_000;
const FLUSH_MS = 5_000;
const HURRIED_MS = 300;
const NO_HURRY = new AbortController().signal;

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #deps: EndpointDeps;
  readonly #connections = new Map<string, Connection>();
  readonly #publishers: Publisher[] = [];
  #consumer: Consumer | undefined;
  #ledger: Ledger | undefined;
  #engine: Engine | undefined;
  #outbox: Outbox | undefined;
  #bridge: Bridge | undefined;
  #heartbeat: Heartbeat | undefined;
  #idle = NOT_IDLE;
  #end: (ending: Ending) => void = () => { /* set before anybody can call it */ };
  /** Resolves when it should be closed for a reason of its own. */
  readonly ended: Promise<Ending>;

  private constructor(options: EndpointOptions, deps: EndpointDeps) {
    this.#options = options;
    this.#deps = deps;
    this.ended = new Promise((resolve) => { this.#end = resolve; });
  }

  /** Throws BROKER_UNREACHABLE, BROKER_REFUSED, STORAGE_FAILED or START_FAILED; then nothing of it is left. */
  static async start(options: EndpointOptions, deps: EndpointDeps): Promise<Endpoint> {
    const endpoint = new Endpoint(options, deps);
    try {
      await endpoint.#start();
      return endpoint;
    } catch (error) {
      await endpoint.close({ drainMs: 0 });
      throw error;
    }
  }

  /** Tasks of an earlier process that run again, and results of it that are sent. */
  get recovered(): { readonly rerun: number; readonly resent: number } {
    const { rerun = 0, received = 0 } = this.#bridge ?? {};
    return { rerun, resent: received - rerun };
  }

  /**
   * Takes no more tasks, lets those that run end, and leaves the rest to the next start. Safe to call again. `hurry`
   * cuts every wait short, at any time: then the blocks go first.
   */
  async close({ drainMs = DRAIN_MS, hurry = NO_HURRY }: CloseOptions = {}): Promise<void> {
    const { log } = this.#deps;
    const flushMs = (): number => (hurry.aborted ? HURRIED_MS : FLUSH_MS);
    // What is taken is acknowledged first, and what is not goes back once nothing more is sent.
    const consumerClosed = this.#consumer?.close(this.#bridge === undefined ? 0 : flushMs());
    this.#bridge?.stop();
    await Promise.race([consumerClosed, aborted(hurry)]);
    await this.#closeEngine(drainMs, hurry);
    await Promise.race([consumerClosed, this.#deps.clock.sleep(flushMs())]);
    await this.#outbox?.close(flushMs());
    await this.#heartbeat?.close(flushMs());
    const { unsettled = 0, unconfirmed = 0 } = this.#ledger ?? {};
    if (unsettled + unconfirmed > 0) {
      log.warn({ tasks: unsettled, results: unconfirmed }, 'tasks and results were left to the next start');
    }
    await this.#ledger?.close(flushMs());
    for (const publisher of this.#publishers) await publisher.close(0);
    for (const connection of this.#connections.values()) await connection.close();
  }

  async #start(): Promise<void> {
    const { queues, config, directory, endpointId, logLevel } = this.#options;
    const { log, clock } = this.#deps;
    const { task_queue_info: tasks, result_queue_info: results, heartbeat_queue_info: heartbeats } = queues;
    // A broker that is out of memory reads nothing from connections that publish, acknowledgements included.
    const reading = this.#connection(tasks.connection_url, 'tasks');
    const publishing = this.#connection(results.connection_url, 'results');
    const reporting = this.#connection(heartbeats.connection_url, 'results');
    await Promise.all([...this.#connections.values()].map((connection) => connection.open()));
    const early: Delivery[] = [];
    const onMessage = (delivery: Delivery): void => {
      if (this.#bridge === undefined) early.push(delivery);
      else this.#bridge.onDelivery(delivery);
    };
    // Whoever has the queue is the one instance: what is on the disk is touched after that.
    await this.#consume(reading, tasks.queue, onMessage);
    this.#ledger = await Ledger.open({ directory }, { log, clock });
    this.#engine = new Engine({
      config: { ...config.engine, working_dir: tasksDirectory(config.tasks, directory) },
      directory: join(directory, 'runs'), resumeAs: endpointId, logLevel, clock,
      log: log.child({ part: 'engine' }),
    });
    await this.#engine.start();
    this.#outbox = new Outbox({
      publisher: this.#publisher(publishing), exchange: results.queue_publish_kwargs.exchange,
      routingKey: results.queue_publish_kwargs.routing_key, ledger: this.#ledger, log, clock,
      onConfirmed: () => this.#bridge?.admit(),
    });
    this.#bridge = this.#newBridge(this.#ledger, this.#engine, this.#outbox);
    await this.#bridge.open();
    for (const delivery of early) this.#bridge.onDelivery(delivery);
    this.#heartbeat = new Heartbeat({
      connection: reporting, publisher: this.#publisher(reporting), log, clock, report: () => this.#report(),
      lastReport: () => ({ ...this.#report(), active: false }),
      onBeat: () => this.#onBeat(), onConnected: () => { this.#idle = { ...this.#idle, done: 0, still: 0 }; },
    }, {
      endpointId, exchange: heartbeats.queue_publish_kwargs.exchange,
      routingKey: heartbeats.queue_publish_kwargs.routing_key, periodS: config.heartbeat_period,
    });
    this.#heartbeat.start();
  }

  #newBridge(ledger: Ledger, engine: Engine, outbox: Outbox): Bridge {
    const { config, directory, endpointId, info } = this.#options;
    return new Bridge({
      ledger, outbox, log: this.#deps.log,
      programs: new Programs(engine, { block: config, directory: tasksDirectory(config.tasks, directory) }),
      submit: (kind, { bytes, buffers }, sink) => engine.submit(kind, bytes, buffers, sink),
      onBroken: (failure) => this.#onBroken(failure),
    }, {
      endpointId, allowedFunctions: config.allowed_functions,
      details: { node_version: process.versions.node, switchyard_version: info.version },
    });
  }

  /** One for each URL and use. */
  #connection(url: string, use: string): Connection {
    const { name, config } = this.#options;
    const key = `${use} ${url}`;
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const to = new URL(url);
    if (config.amqp_port !== null) to.port = String(config.amqp_port);
    const made = new Connection(
      { url: to.href, name: `endpoint ${name}, ${use}`, patienceMs: PATIENCE_MS }, this.#deps,
    );
    made.attach({
      onOpen: () => { /* those who use it see to themselves */ },
      onLost: () => { /* it is opened again */ },
      onEnd: (error) => this.#end({ type: 'failed', error }),
    });
    this.#connections.set(key, made);
    return made;
  }

  #publisher(connection: Connection): Publisher {
    const made = new Publisher(connection, this.#deps);
    this.#publishers.push(made);
    return made;
  }

  async #consume(connection: Connection, queue: string, onMessage: (delivery: Delivery) => void): Promise<void> {
    this.#consumer = new Consumer(connection, this.#deps, {
      queue, prefetch: PREFETCH, exclusive: true, refusedMsMax: REFUSED_MS_MAX, onMessage,
    });
    this.#consumer.ended.catch((error: unknown) => {
      if (error instanceof ComputeError) this.#end({ type: 'failed', error: refusal(error) });
    });
    try {
      await this.#consumer.ready;
    } catch (error) {
      throw error instanceof ComputeError ? refusal(error) : error;
    }
  }

  #report(): JsonObject {
    const { config, info } = this.#options;
    const status = this.#engine?.status();
    if (status === undefined || this.#engine === undefined) return { heartbeat_period: config.heartbeat_period };
    const { received = 0, rerun = 0 } = this.#bridge ?? {};
    return reportOf(config, info, status, {
      open: this.#engine.open, received, rerun, unconfirmed: this.#ledger?.unconfirmed ?? 0,
    }, this.#deps.clock.now());
  }

  #onBeat(): void {
    const { idle_heartbeats_soft: soft, idle_heartbeats_hard: hard, heartbeat_period: periodS } = this.#options.config;
    const movement = { received: this.#bridge?.received ?? 0, forwarded: this.#outbox?.forwarded ?? 0 };
    const [next, step] = idleStep(this.#idle, movement, { soft, hard, periodS });
    this.#idle = next;
    this.#deps.onTitle(titleOf(step));
    this.#tell(step);
    if (step.type === 'stop') this.#end({ type: 'idle' });
  }

  #tell(step: IdleStep): void {
    const { log } = this.#deps;
    switch (step.type) {
      case 'active':
        if (step.since) log.info('endpoint is active again: tasks or results moved since the last heartbeat');
        break;
      case 'idle':
        if (step.first) log.info({ seconds: step.remainingS }, 'endpoint is idle and will stop (idle_heartbeats_soft)');
        break;
      case 'possibly-idle':
        if (step.first) log.warn({ seconds: step.remainingS }, 'no task or result moves (idle_heartbeats_hard)');
        break;
      case 'stop':
        if (step.limit === 'soft') log.info('endpoint stops: it was idle for idle_heartbeats_soft');
        else log.warn('endpoint stops: nothing moved for idle_heartbeats_hard');
        break;
      case 'still': case 'off': break;
    }
  }

  #onBroken({ code, message }: Failure): void {
    this.#end({ type: 'failed', error: new ComputeError(code, message) });
  }

  async #closeEngine(drainMs: number, hurry: AbortSignal): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    engine.withdraw();
    if (engine.open > 0 && drainMs > 0 && !hurry.aborted) {
      this.#deps.log.info({ count: engine.open, seconds: drainMs / 1000 }, 'waiting for tasks that run');
      const enough = new AbortController();
      const limit = AbortSignal.any([enough.signal, hurry]);
      await Promise.race([engine.drain(), this.#deps.clock.sleep(drainMs, limit)]);
      enough.abort();
    }
    await engine.close('cancel');
  }
}
