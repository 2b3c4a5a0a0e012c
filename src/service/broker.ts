// The broker that the service works with: one that it was given, or a private one of its own.

import { brokerUrl } from '../amqp/url.ts';
import { BrokerAdmin, type BrokerDeps } from './broker-admin.ts';
import type { PrivateBrokerConfig } from './broker-files.ts';
import { Grants } from './grants.ts';
import { PrivateBroker } from './private-broker.ts';

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

export interface Broker extends AsyncDisposable {
  /** The service's own way in. Secret. */
  readonly url: string;
  /** Users and rights of endpoints and result streams. */
  readonly grants: Grants;
  /** A private broker ends with this; one that was given goes on. Safe to call twice. */
  close(): Promise<void>;
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
    const own = await PrivateBroker.start(config, deps);
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
