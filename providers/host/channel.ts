// The `channel` of a provider, in the keys that the field had for it, checked and complete.

import { invalid, isMapping, parser, tagged } from '../../src/common/schema.ts';

export interface LocalChannel {
  readonly type: 'LocalChannel';
}

/** Times in seconds. What is null is looked up in the OpenSSH configuration, or has OpenSSH's default. */
export interface SshChannel {
  readonly type: 'SSHChannel';
  /** A name or address, or a Host of the OpenSSH configuration. */
  readonly hostname: string;
  readonly username: string | null;
  readonly port: number | null;
  readonly keyFiles: readonly string[] | null;
  readonly knownHostsFiles: readonly string[] | null;
  /** Hosts on the way, the first first: '[user@]host[:port]'. */
  readonly jumps: readonly string[] | null;
  /** The OpenSSH configuration that is read; 'none' for none. */
  readonly configFile: string;
  readonly keepaliveS: number | null;
  readonly connectTimeoutS: number;
  /** Folder on the login node for the files of blocks; `~` is the home there. */
  readonly scriptDir: string;
  /** In the environment of every command there. */
  readonly envs: Readonly<Record<string, string>>;
  /** Path of Node on the cluster's nodes; null: the same as here. */
  readonly node: string | null;
  /** Where this package is on the cluster's nodes; null: where it is here. */
  readonly packageDir: string | null;
}

export type ChannelConfig = LocalChannel | SshChannel;

interface Keys {
  hostname: string;
  username?: string;
  port?: number;
  key_filename: string | string[];
  known_hosts: string | string[];
  host_keys_filename?: string;
  proxy_jump: string | string[];
  ssh_config: string;
  keepalive_period?: number;
  connect_timeout: number;
  script_dir: string;
  envs: Record<string, string>;
  node?: string;
  package_dir?: string;
  gssapi_auth: boolean;
  skip_auth: boolean;
}

const WHAT = 'engine.provider.channel';
const text = { type: 'string', minLength: 1 } as const;
const texts = {
  anyOf: [text, { type: 'array', items: text, maxItems: 16 }], default: [] as string[],
  description: 'text or a list of texts',
} as const;
const path = { ...text, pattern: '^[/~]', description: 'an absolute path' } as const;

const parseKeys = parser<Keys>(WHAT, {
  type: 'object', required: ['hostname'],
  properties: {
    // Never an option, whatever program it is shown to.
    hostname: { ...text, pattern: '^[^-\\s][^\\s]*$', description: 'a host name or address' },
    username: { ...text, nullable: true },
    port: { type: 'integer', minimum: 1, maximum: 65_535, nullable: true },
    key_filename: texts,
    known_hosts: texts,
    host_keys_filename: { ...text, nullable: true },
    proxy_jump: texts,
    ssh_config: { ...text, default: '~/.ssh/config' },
    keepalive_period: { type: 'number', minimum: 0.1, maximum: 3600, nullable: true },
    connect_timeout: { type: 'number', minimum: 1, maximum: 600, default: 20 },
    script_dir: { ...path, default: '~/.switchyard/blocks' },
    envs: {
      type: 'object', required: [], default: {}, additionalProperties: { type: 'string' },
      propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
    },
    node: { ...path, pattern: '^/', nullable: true },
    package_dir: { ...path, pattern: '^/', nullable: true },
    gssapi_auth: { type: 'boolean', default: false },
    skip_auth: { type: 'boolean', default: false },
  },
});

const TYPES = {
  known: ['LocalChannel', 'SSHChannel'], fallback: 'LocalChannel',
  planned: ['OAuthSSHChannel', 'SSHInteractiveLoginChannel'],
} as const;

/** Throws CONFIG_INVALID with one line per problem. */
export function parseChannel(value: unknown): ChannelConfig {
  const { type, keys } = tagged(WHAT, value ?? {}, TYPES);
  if (type === 'LocalChannel') {
    // The field's userhome made relative paths absolute; there are none here.
    const odd = Object.keys(keys).filter((key) => key !== 'userhome' && !isEmpty(keys[key]));
    if (odd.length > 0) throw invalid(odd.map((key) => `${WHAT}: ${key} has no meaning for a LocalChannel; remove it`));
    return { type };
  }
  refuseSecrets(keys);
  const read = parseKeys(keys);
  const knownHostsFiles = listOf(read.known_hosts);
  if (knownHostsFiles !== null && read.host_keys_filename !== undefined) {
    throw invalid([`${WHAT}: known_hosts and host_keys_filename are two names of one key; remove one`]);
  }
  return {
    type,
    hostname: read.hostname,
    username: read.username ?? null,
    port: read.port ?? null,
    keyFiles: listOf(read.key_filename),
    knownHostsFiles: knownHostsFiles ?? (read.host_keys_filename === undefined ? null : [read.host_keys_filename]),
    jumps: listOf(read.proxy_jump)?.flatMap(splitJumps) ?? null,
    configFile: read.ssh_config,
    keepaliveS: read.keepalive_period ?? null,
    connectTimeoutS: read.connect_timeout,
    scriptDir: read.script_dir,
    envs: read.envs,
    node: read.node ?? null,
    packageDir: read.package_dir ?? null,
  };
}

function refuseSecrets(keys: Readonly<Record<string, unknown>>): void {
  const problems = [
    ...('password' in keys || 'passphrase' in keys
      ? [`${WHAT}: a password or passphrase does not belong into a file and is not read; use a key, and an agent where`
        + ' the key has a passphrase (ssh-add)'] : []),
    ...(keys['gssapi_auth'] === true ? [`${WHAT}: gssapi_auth is not there; use a key or an agent`] : []),
    ...(keys['skip_auth'] === true ? [`${WHAT}: skip_auth is not there; use a key or an agent`] : []),
  ];
  if (problems.length > 0) throw invalid(problems);
}

/** null: not given. */
function listOf(value: string | string[]): string[] | null {
  if (typeof value === 'string') return [value];
  return value.length === 0 ? null : value;
}

/** 'a,b' as OpenSSH writes it. */
export function splitJumps(value: string): string[] {
  return value.split(',').map((one) => one.trim()).filter((one) => one !== '');
}

function isEmpty(value: unknown): boolean {
  return isMapping(value) && Object.keys(value).length === 0;
}
