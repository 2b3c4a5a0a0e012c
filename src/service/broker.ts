// The broker that the service works with: one that it was given, or a private one of its own.

import { brokerUrl } from '../amqp/url.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import { BrokerAdmin } from './broker-admin.ts';
import { Grants } from './grants.ts';
import { startPrivateBroker } from './private-broker.ts';

export type BrokerConfig = GivenBroker | PrivateBrokerConfig;

/** A broker that somebody else runs. */
export interface GivenBroker {
  /** `amqp[s]://user:password@host:port/vhost`: a user that may do everything in this virtual host. */
  readonly url: string;
  /** `http[s]://user:password@host:port`: the management API, with a user tagged administrator. */
  readonly management_url: string;
  /** How endpoints and clients reach the same broker, where that differs: scheme, host, port, virtual host. */
  readonly public_url?: string | undefined;
}

/** A broker of the service's own, from the installed `rabbitmq-server`. */
export interface PrivateBrokerConfig {
  /** Its data, settings, logs and passwords. Made if it is not there, mode 0700. */
  readonly directory: string;
  /** The address it listens at for endpoints and clients. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: any free port the first time, which is then kept: running endpoints know it. */
  readonly port?: number | undefined;
  /** What endpoints and clients are told instead of `host`. */
  readonly public_host?: string | undefined;
  /** The program, where it is not in its usual places. */
  readonly program?: string | undefined;
}

export interface Broker extends AsyncDisposable {
  /** The service's own way in. Secret. */
  readonly url: string;
  /** Users and rights of endpoints and result streams. */
  readonly grants: Grants;
  /** A private broker ends with this; one that was given goes on. Safe to call twice. */
  close(): Promise<void>;
}

export interface BrokerDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Resolves when the broker answers, over AMQP and over its management API. Throws BROKER_UNREACHABLE, BROKER_REFUSED,
 * CONFIG_INVALID or, for a private one, START_FAILED with what to do.
 *
 * `secret` makes the passwords that endpoints get: at least 32 random bytes that the service keeps for ever. With it
 * the same endpoint gets the same password again, and none has to be stored.
 */
export async function openBroker(config: BrokerConfig, secret: Uint8Array, deps: BrokerDeps): Promise<Broker> {
  if ('directory' in config) {
    const own = await startPrivateBroker(config, deps);
    const admin = new BrokerAdmin(own.managementUrl, own.url, deps);
    const close = (): Promise<void> => own.close();
    const grants = new Grants(admin, { publicUrl: own.publicUrl, secret });
    return { url: own.url, grants, close, [Symbol.asyncDispose]: close };
  }
  const admin = new BrokerAdmin(config.management_url, config.url, deps);
  await admin.check();
  const close = (): Promise<void> => Promise.resolve();
  const publicUrl = brokerUrl(config.public_url ?? config.url, { username: '', password: '' });
  return { url: config.url, grants: new Grants(admin, { publicUrl, secret }), close, [Symbol.asyncDispose]: close };
}
