// What an interchange is told when it starts.

import type { InterchangeConfig } from '../src/common/process-config.ts';
import { listenAddress } from './addresses.ts';
import type { EngineConfig } from './config.ts';
import type { Run } from './run.ts';

/** How long a manager whose connection broke may take to come back before its tasks go elsewhere. */
const RECONNECT_GRACE_MS = 1000;
/** Workers or managers that one task may take down. */
const KILLS_MAX = 3;

/** `predecessor`: the port of the one whose place it takes. */
export function interchangeConfig(config: EngineConfig, run: Run, predecessor: number | undefined): InterchangeConfig {
  const { keys, folder, logLevel } = run;
  const isLocal = config.provider.type === 'LocalProvider';
  return {
    managerPort: predecessor ?? run.managerPort ?? config.worker_port ?? 0,
    managerAddress: listenAddress(config),
    portRange: config.worker_port === null && !isLocal ? config.worker_port_range : null,
    keys: keys === null ? null : { server: keys.server, managerPublicKey: keys.manager.publicKey },
    heartbeatPeriodMs: config.heartbeat_period * 1000,
    heartbeatThresholdMs: config.heartbeat_threshold * 1000,
    managerSelector: config.manager_selector,
    reconnectGraceMs: RECONNECT_GRACE_MS,
    killsMax: KILLS_MAX,
    prefetchCapacity: config.prefetch_capacity,
    replacement: predecessor !== undefined,
    managersWait: run.outlives,
    logPath: `${folder}/interchange.log`,
    logLevel,
  };
}
