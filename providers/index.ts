// The registry: the `type` under `provider` picks who reads its other keys and who builds it.

import type { Clock } from '../src/common/clock.ts';
import { invalid, isMapping, tagged } from '../src/common/schema.ts';
import { BatchProvider } from './batch.ts';
import { buildHost, parseChannel, type ChannelConfig } from './host/index.ts';
import type { Host } from './host/host.ts';
import { LocalProvider, parseLocal, type LocalConfig } from './local.ts';
import { parsePbsPro, pbsPro, type PbsProConfig } from './pbspro.ts';
import {
  notThereYet, parseCondor, parseKubernetes, type CondorConfig, type KubernetesConfig,
} from './planned.ts';
import type { Provider } from './provider.ts';
import { parseSlurm, slurm, type SlurmConfig } from './slurm.ts';
import { parseTorque, torque, type TorqueConfig } from './torque.ts';
import { formatWalltime } from './walltime.ts';

interface Configs {
  CondorProvider: CondorConfig;
  KubernetesProvider: KubernetesConfig;
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
  CondorProvider: { parse: parseCondor, build: refuse },
  KubernetesProvider: { parse: parseKubernetes, build: refuse },
};

/** Their configurations can be read and checked; they themselves cannot be built. */
const UNBUILT: ReadonlySet<string> = new Set<ProviderType>(['CondorProvider', 'KubernetesProvider']);

function refuse({ type }: Pick<ProviderConfig, 'type'>): never {
  throw notThereYet(type, Object.keys(REGISTRY).filter((one) => !UNBUILT.has(one)));
}

/** Throws CONFIG_INVALID where buildProvider would, for whoever wants to know it before anything is begun. */
export function insistOnProvider({ type }: Pick<ProviderConfig, 'type'>): void {
  if (UNBUILT.has(type)) refuse({ type });
}

const PLANNED = ['LSFProvider', 'GridEngineProvider', 'AWSProvider', 'AzureProvider', 'GoogleCloudProvider'];

export function parseProvider(value: unknown): ProviderConfig {
  // The keys of the table are its types: nothing is ever added to it.
  const all = Object.keys(REGISTRY) as ProviderType[];
  const named: unknown = isMapping(value) ? value['type'] : undefined;
  const known = all.filter((one) => !UNBUILT.has(one) || one === named);
  const { type, keys } = tagged('engine.provider', value, { known, fallback: 'LocalProvider', planned: PLANNED });
  const { channel: written, ...own } = keys;
  const channel = parseChannel(written);
  if (type === 'LocalProvider' && channel.type !== 'LocalChannel') {
    throw invalid(["engine.provider.channel: a LocalProvider's blocks are on this machine; remove the channel, or"
      + ' choose the provider of the scheduler on the other side']);
  }
  return { ...REGISTRY[type].parse(own), channel };
}

/** A walltime that came as a number: most often 1:00:00 without quotes, which YAML reads as sixties of sixties. */
export function walltimeNotes(value: unknown): string[] {
  const walltime = isMapping(value) ? value['walltime'] : undefined;
  if (typeof walltime !== 'number') return [];
  return [`engine.provider.walltime: the number ${walltime} is read as seconds, ${formatWalltime(walltime)}; in quotes `
    + 'it says what it means'];
}

export function buildProvider<T extends ProviderType>(config: Built<T>, deps: ProviderDeps): Provider {
  // A config's type is its key in the table, so the builder found there takes it.
  const type = config.type as T;
  return REGISTRY[type].build(config, { ...deps, host: buildHost(config.channel, deps) });
}
