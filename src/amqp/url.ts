import { invalid } from '../common/schema.ts';

export interface BrokerAddress {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Decoded; `/` where the URL names none. */
  readonly vhost: string;
  /** For people and logs: no password. */
  readonly shown: string;
}

/** Throws CONFIG_INVALID, without the password, for what is not the URL of a broker. */
export function parseBrokerUrl(text: string): BrokerAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(['broker url: not a URL; expected amqp://user:password@host:port/vhost']);
  }
  const protocol = url.protocol.slice(0, -1);
  if (protocol !== 'amqp' && protocol !== 'amqps') {
    throw invalid([`broker url: expected amqp or amqps, found ${protocol}`]);
  }
  if (url.hostname === '') throw invalid(['broker url: it names no host']);
  const port = url.port === '' ? PORTS[protocol] : Number(url.port);
  const named = decode(url.pathname.slice(1));
  const vhost = named === '' ? '/' : named;
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    username: url.username === '' ? 'guest' : decode(url.username),
    password: url.password === '' && url.username === '' ? 'guest' : decode(url.password),
    vhost,
    shown: `${protocol}://${url.hostname}:${port}${vhost === '/' ? '' : `/${vhost}`}`,
  };
}

/** The same broker for somebody else. Of this form, `://user:password@`, agents keep the password out of their logs. */
export function brokerUrl(base: string, { username, password }: { username: string; password: string }): string {
  const url = new URL(base);
  url.username = encodeURIComponent(username);
  url.password = encodeURIComponent(password);
  return url.href;
}

const PORTS = { amqp: 5672, amqps: 5671 } as const;

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(['broker url: a % that is no escape']);
  }
}
