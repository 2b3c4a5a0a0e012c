// The registry: the `type` under `provider` picks who reads its other keys and who builds it.

import type { Clock } from '../src/common/clock.ts';
import { invalid, tagged } from '../src/common/schema.ts';
import { BatchProvider } from './batch.ts';
import { buildHost, parseChannel, type ChannelConfig } from './host/index.ts';
import type { Host } from './host/host.ts';
import { LocalProvider, parseLocal, type LocalConfig } from './local.ts';
import { parsePbsPro, pbsPro, type PbsProConfig } from './pbspro.ts';
import type { Provider } from './provider.ts';
import { parseSlurm, slurm, type SlurmConfig } from './slurm.ts';
import { parseTorque, torque, type TorqueConfig } from './torque.ts';

interface Configs {
  LocalProvider: LocalConfig;
  PBSProProvider: PbsProConfig;
  SlurmProvider: SlurmConfig;
  TorqueProvider: TorqueConfig;
}
type ProviderType = keyof Configs;
/** A provider's keys, its launcher's in them, checked and complete. */
export type ProviderConfig = Built<ProviderType>;
/** `channel`: where the scheduler's commands run and the blocks' files are. */
type Built<T extends ProviderType> = Configs[T] & { readonly channel: ChannelConfig };

export interface ProviderDeps {
  /** Where the provider keeps what it must find again after a restart. */
  readonly directory: string;
  readonly clock: Clock;
}

const REGISTRY: { readonly [T in ProviderType]: {
  readonly parse: (keys: Readonly<Record<string, unknown>>) => Configs[T];
  readonly build: (config: Configs[T], deps: ProviderDeps & { readonly host: Host }) => Provider;
} } = {
  LocalProvider: { parse: parseLocal, build: (config, deps) => new LocalProvider(config, deps) },
  PBSProProvider: {
    parse: parsePbsPro,
    build: (config, deps) => new BatchProvider(config, pbsPro(config), deps),
  },
  SlurmProvider: {
    parse: parseSlurm,
    build: (config, deps) => new BatchProvider(config, slurm(config), deps),
  },
  TorqueProvider: {
    parse: parseTorque,
    build: (config, deps) => new BatchProvider(config, torque(config), deps),
  },
};

const PLANNED = [
  'LSFProvider', 'CondorProvider', 'GridEngineProvider', 'KubernetesProvider', 'AWSProvider', 'AzureProvider',
  'GoogleCloudProvider',
];

export function parseProvider(value: unknown): ProviderConfig {
  // The keys of the table are its types: nothing is ever added to it.
  const known = Object.keys(REGISTRY) as ProviderType[];
  const { type, keys } = tagged('engine.provider', value, { known, fallback: 'LocalProvider', planned: PLANNED });
  const { channel: written, ...own } = keys;
  const channel = parseChannel(written);
  if (type === 'LocalProvider' && channel.type !== 'LocalChannel') {
    throw invalid(["engine.provider.channel: a LocalProvider's blocks are on this machine; remove the channel, or"
      + ' choose the provider of the scheduler on the other side']);
  }
  return { ...REGISTRY[type].parse(own), channel };
}

export function buildProvider<T extends ProviderType>(config: Built<T>, deps: ProviderDeps): Provider {
  // A config's type is its key in the table, so the builder found there takes it.
  const type = config.type as T;
  return REGISTRY[type].build(config, { ...deps, host: buildHost(config.channel, deps) });
}
