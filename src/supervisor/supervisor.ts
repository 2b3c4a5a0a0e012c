// The multi-user endpoint, put together: commands from its queue, who may, user endpoints, notices, signs of life. It
// sees no task, and renders no template.

import { Connection } from '../amqp/connection.ts';
import { Consumer, type Delivery } from '../amqp/consumer.ts';
import { Heartbeat } from '../amqp/heartbeat.ts';
import { Publisher } from '../amqp/publisher.ts';
import type { StartCommand } from '../amqp/start-command.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { shown, shownLines } from './audit.ts';
import { Authorisation, type AuthorisationDeps } from './authorisation.ts';
import { Children, type StartOrder } from './children.ts';
import { readCommand, Replays, type Notice } from './commands.ts';
import type { IdentityMap } from './identity-map.ts';
import { Notices, withPort } from './notices.ts';
import type { SupervisorOrders } from './orders.ts';
import { Starter, type StarterOptions } from './starter.ts';

export interface SupervisorDeps extends Omit<AuthorisationDeps, 'log' | 'ownerIdentities' | 'map'> {
  readonly log: Logger;
  readonly clock: Clock;
  readonly map: Pick<IdentityMap, 'lookup' | 'watch'> | undefined;
}

export interface SupervisorOptions extends Pick<StarterOptions, 'becomes' | 'own'> {
  /** User endpoints that may be coming up at the same time. */
  readonly startsAtOnce: number;
}

const PATIENCE_MS = 30_000;
/** Of an instance that was killed with its machine the broker learns late; else the queue is free at once. */
const REFUSED_MS_MAX = 10_000;
/** Commands in hand: those whose user endpoint waits to be started are among them. */
const PREFETCH = 256;
const WAITING_MAX = 240;
const WAITING_PER_USER = 32;
const CONSUMER_END_MS = 2_000;
const FINAL_MS = 5_000;
const NOTICES_END_MS = 3_000;

export class Supervisor {
  readonly #orders: SupervisorOrders;
  readonly #deps: SupervisorDeps;
  readonly #authorisation: Authorisation;
  readonly #children: Children;
  readonly #notices: Notices;
  readonly #replays = new Replays();
  readonly #reading: Connection;
  readonly #reporting: Connection;
  #consumer: Consumer | undefined;
  #publisher: Publisher | undefined;
  #heartbeat: Heartbeat | undefined;
  #closing = false;
  /** Of the identity map, so far. */
  #changes = 0;
  #end: (error: ComputeError) => void = () => { /* set before anybody can call it */ };
  /** Resolves when the broker does not let it serve any more. */
  readonly ended: Promise<ComputeError>;

  constructor(orders: SupervisorOrders, deps: SupervisorDeps, options: SupervisorOptions) {
    const { log, clock } = deps;
    const { config: { amqp_port: port, mu_child_ep_grace_period_s: graceS } } = orders;
    this.#orders = orders;
    this.#deps = deps;
    this.ended = new Promise((resolve) => { this.#end = resolve; });
    this.#authorisation = new Authorisation({ ...deps, ownerIdentities: orders.owner_identities });
    this.#notices = new Notices({ log, clock, port });
    const starter = new Starter(orders, { log, clock }, options);
    this.#children = new Children({
      log, clock, start: (order) => starter.start(order), again: (account) => this.#authorisation.again(account),
      notify: (command, text) => this.#notices.send(noticeOf(command, text)),
    }, {
      graceMs: graceS * 1000, atOnce: options.startsAtOnce, waiting: WAITING_MAX, waitingPerUser: WAITING_PER_USER,
    });
    deps.map?.watch(() => {
      this.#changes++;
      void this.#endRevoked(this.#children.running);
    });
    const { command_queue_info: commands, heartbeat_queue_info: heartbeats, name } = orders;
    this.#reading = new Connection({
      url: withPort(commands.connection_url, port), name: `multi-user endpoint ${name}, commands`,
      patienceMs: PATIENCE_MS,
    }, { log, clock });
    this.#reporting = new Connection({
      url: withPort(heartbeats.connection_url, port), name: `multi-user endpoint ${name}, heartbeats`,
      patienceMs: PATIENCE_MS,
    }, { log, clock });
  }

  /** User endpoints that run. */
  get count(): number {
    return this.#children.count;
  }

  /** Throws BROKER_UNREACHABLE or BROKER_REFUSED. */
  async start(): Promise<void> {
    const { log, clock } = this.#deps;
    const { endpoint_id: endpointId, command_queue_info: { queue }, heartbeat_queue_info: info, config } = this.#orders;
    for (const connection of [this.#reading, this.#reporting]) {
      connection.attach({
        onOpen: () => { /* those who use it see to themselves */ },
        onLost: () => { /* it is opened again */ },
        onEnd: (error) => this.#end(error),
      });
    }
    await Promise.all([this.#reading.open(), this.#reporting.open()]);
    this.#consumer = new Consumer(this.#reading, { log, clock }, {
      queue, prefetch: PREFETCH, exclusive: true, refusedMsMax: REFUSED_MS_MAX,
      onMessage: (delivery) => { void this.#onCommand(delivery); },
    });
    try {
      await this.#consumer.ready;
    } catch (cause) {
      throw new ComputeError('BROKER_REFUSED', 'cannot read the commands for this endpoint. Another instance of it may '
        + 'be running, perhaps on another login node', { cause, details: { exitStatus: EXIT_IN_USE } });
    }
    this.#consumer.ended.catch((error: unknown) => {
      this.#end(error instanceof ComputeError ? error
        : new ComputeError('BROKER_REFUSED', 'commands cannot be read any more', { cause: error }));
    });
    this.#publisher = new Publisher(this.#reporting, { log, clock });
    const { exchange, routing_key: routingKey } = info.queue_publish_kwargs;
    this.#heartbeat = new Heartbeat({
      connection: this.#reporting, publisher: this.#publisher, log, clock,
      report: () => ({ heartbeat_period: config.heartbeat_period }), lastReport: () => ({ heartbeat_period: 0 }),
    }, { endpointId, exchange, routingKey, periodS: config.heartbeat_period });
    this.#heartbeat.start();
  }

  /** Takes no more commands, says that it goes, and ends every user endpoint. `hurry`: without waiting for them. */
  async close(hurry: AbortSignal): Promise<void> {
    this.#closing = true;
    // What waits for its turn goes back to the queue, for whoever comes after us.
    await this.#consumer?.close(CONSUMER_END_MS);
    await Promise.all([this.#reportEnd(), this.#children.close(hurry)]);
    await this.#notices.close(NOTICES_END_MS);
    await this.#publisher?.close(0);
    await Promise.all([this.#reading.close(), this.#reporting.close()]);
  }

  async #reportEnd(): Promise<void> {
    const sent = await this.#heartbeat?.close(FINAL_MS);
    if (sent === false) this.#deps.log.warn('Unable to send final heartbeat');
  }

  async #onCommand(delivery: Delivery): Promise<void> {
    const { log } = this.#deps;
    // What came once and was not acknowledged may be why: it gets no third chance.
    if (delivery.redelivered) delivery.ack();
    try {
      await this.#handle(delivery);
    } catch (err) {
      // Not ours to answer any more: it goes back to the queue.
      if (this.#closing) return;
      log.error({ err }, 'Unable to execute command');
    }
    delivery.ack();
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { log, clock } = this.#deps;
    const { body, messageId } = delivery;
    if (!this.#replays.isNew(body, delivery)) {
      log.warn({ message: messageId }, 'Ignoring command from server: it came before, word for word');
      return;
    }
    const nowS = clock.now() / 1000;
    const reading = readCommand(body, delivery, { managerId: this.#orders.endpoint_id, nowS });
    if (reading.type === 'refused') {
      const { text, notice } = reading;
      log[notice === undefined ? 'error' : 'warn'](shownLines(text));
      if (notice !== undefined) this.#notices.send(notice);
      return;
    }
    await this.#start(reading.command);
  }

  async #start(command: StartCommand): Promise<void> {
    const { log } = this.#deps;
    const who = `(Globus effective identity: ${shown(command.effectiveIdentity)})`;
    const changes = this.#changes;
    try {
      const decision = await this.#authorisation.decide(command);
      if (decision.type === 'denied') {
        log.error({ endpoint: command.name, identity: command.effectiveIdentity }, decision.text);
        this.#notices.send(noticeOf(command, decision.notice));
        return;
      }
      const { account } = decision;
      const answer = await this.#children.request({ command, ...decision });
      if (answer.type === 'refused') {
        log.error({ endpoint: command.name, user: account.name }, `${answer.text} ${who}`);
        this.#notices.send(noticeOf(command, answer.notice));
      } else {
        log.info(`Command process successfully forked for '${account.name}' ${who}.`);
        // It waited for its turn, and the map was changed meanwhile.
        if (this.#changes !== changes) await this.#endRevoked([{ command, ...decision }]);
      }
    } catch (error) {
      if (!this.#closing) this.#notices.send(noticeOf(command, 'General or unknown failure starting user endpoint'));
      throw error;
    }
  }

  /** Whom the identity map does not let in any more: his tasks do not go on until he is idle. */
  async #endRevoked(orders: readonly StartOrder[]): Promise<void> {
    const { log } = this.#deps;
    for (const order of orders) {
      const { account, command: { name, effectiveIdentity } } = order;
      if (await this.#authorisation.stands(order)) continue;
      log.warn({ user: account.name, endpoint: name, identity: effectiveIdentity },
        `Ending user endpoint: identity ${shown(effectiveIdentity)} is not mapped to ${account.name} any more`);
      void this.#children.end(name);
    }
  }
}

const EXIT_IN_USE = 73;

function noticeOf({ endpointId, queues }: StartCommand, text: string): Notice {
  return { endpointId, heartbeats: queues.heartbeat_queue_info, text };
}
