// The registry: the `type` under `provider` picks who reads its other keys and who builds it.

import type { Clock } from '../src/common/clock.ts';
import { tagged } from '../src/common/schema.ts';
import { BatchProvider } from './batch.ts';
import { localHost } from './host/local.ts';
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
export type ProviderConfig = Configs[ProviderType];

export interface ProviderDeps {
  /** Where the provider keeps what it must find again after a restart. */
  readonly directory: string;
  readonly clock: Clock;
}

const REGISTRY: { readonly [T in ProviderType]: {
  readonly parse: (keys: Readonly<Record<string, unknown>>) => Configs[T];
  readonly build: (config: Configs[T], deps: ProviderDeps) => Provider;
} } = {
  LocalProvider: { parse: parseLocal, build: (config, deps) => new LocalProvider(config, deps) },
  PBSProProvider: {
    parse: parsePbsPro,
    build: (config, { clock }) => new BatchProvider(config, pbsPro(config), { host: localHost, clock }),
  },
  SlurmProvider: {
    parse: parseSlurm,
    build: (config, { clock }) => new BatchProvider(config, slurm(config), { host: localHost, clock }),
  },
  TorqueProvider: {
    parse: parseTorque,
    build: (config, { clock }) => new BatchProvider(config, torque(config), { host: localHost, clock }),
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
  return REGISTRY[type].parse(keys);
}

export function buildProvider<T extends ProviderType>(config: Configs[T], deps: ProviderDeps): Provider {
  // A config's type is its key in the table, so the builder found there takes it.
  const type = config.type as T;
  return REGISTRY[type].build(config, deps);
}
