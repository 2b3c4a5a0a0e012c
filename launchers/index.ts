// The registry: the `type` under `launcher` picks who reads its other keys and who builds it.

import { tagged } from '../src/common/schema.ts';
import type { Launcher } from './launcher.ts';
import {
  buildMpiExec, buildMpiRun, parseMpiExec, parseMpiRun, type MpiExecConfig, type MpiRunConfig,
} from './mpiexec.ts';
import { buildSimple, parseSimple, type SimpleConfig } from './simple.ts';
import { buildSingleNode, parseSingleNode, type SingleNodeConfig } from './single.ts';
import { buildSrun, parseSrun, type SrunConfig } from './srun.ts';
import { buildWrapped, parseWrapped, type WrappedConfig } from './wrapped.ts';

interface Configs {
  SingleNodeLauncher: SingleNodeConfig;
  SimpleLauncher: SimpleConfig;
  WrappedLauncher: WrappedConfig;
  SrunLauncher: SrunConfig;
  MpiExecLauncher: MpiExecConfig;
  MpiRunLauncher: MpiRunConfig;
}
type LauncherType = keyof Configs;
/** A launcher's keys, checked and complete. */
export type LauncherConfig = Configs[LauncherType];

const REGISTRY: { readonly [T in LauncherType]: {
  readonly parse: (keys: unknown) => Configs[T];
  readonly build: (config: Configs[T]) => Launcher;
} } = {
  SingleNodeLauncher: { parse: parseSingleNode, build: buildSingleNode },
  SimpleLauncher: { parse: parseSimple, build: buildSimple },
  WrappedLauncher: { parse: parseWrapped, build: buildWrapped },
  SrunLauncher: { parse: parseSrun, build: buildSrun },
  MpiExecLauncher: { parse: parseMpiExec, build: buildMpiExec },
  MpiRunLauncher: { parse: parseMpiRun, build: buildMpiRun },
};

const PLANNED = ['SrunMPILauncher', 'AprunLauncher', 'JsrunLauncher', 'GnuParallelLauncher'];

export function parseLauncher(value: unknown): LauncherConfig {
  // The keys of the table are its types: nothing is ever added to it.
  const known = Object.keys(REGISTRY) as LauncherType[];
  const types = { known, fallback: 'SingleNodeLauncher', planned: PLANNED } as const;
  const { type, keys } = tagged('engine.provider.launcher', value, types);
  return REGISTRY[type].parse(keys);
}

export function buildLauncher<T extends LauncherType>(config: Configs[T]): Launcher {
  // A config's type is its key in the table, so the builder found there takes it.
  const type = config.type as T;
  return REGISTRY[type].build(config);
}
