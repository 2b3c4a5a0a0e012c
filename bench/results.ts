// The report: what `--json` prints. Names end in their unit; a part that did not run is not there.

import type { PiscinaLimit } from './limits/piscina.ts';
import type { ZmqLimit } from './limits/zmq.ts';
import type { EndpointFigures } from './endpoint/measure.ts';
import type { AgentFigures } from './peers/agent.ts';
import type { Crowd } from './multi-user/crowd.ts';
import type { FirstResults } from './multi-user/first-result.ts';
import type { Machine } from './machine.ts';
import type { Percentiles, Spread } from './measure.ts';
import type { ParslFigures } from './peers/parsl.ts';

export interface BenchReport {
  readonly report: 1;
  readonly date: string;
  readonly version: string;
  readonly quick: boolean;
  /** Every socket of the engine, of the raw path and of the peer is encrypted (CURVE). */
  readonly encryption: true;
  readonly machine: Machine;
  /** Latency and MB/s of the raw path come from rounds that alternate with the engine's, when those were measured. */
  readonly limits?: { readonly zmq?: Partial<ZmqLimit>; readonly piscina?: PiscinaLimit };
  readonly no_op?: NoOp;
  readonly latency?: Latency;
  readonly payload?: Payload;
  readonly zero_worker?: ZeroWorker;
  readonly throughput?: readonly ThroughputPoint[];
  readonly scale_out?: ScaleOut;
  readonly memory?: Memory;
  readonly cold_start_s?: number;
  readonly cold_start?: Spread;
  readonly node_hours?: NodeHours;
  readonly slurm?: Slurm;
  readonly python?: Python;
  readonly service?: { readonly embedded: ServiceFigures; readonly postgres?: ServiceFigures };
  /** Python tasks of the field's SDK through service and broker. */
  readonly endpoint?: EndpointPart;
  readonly multi_user?: MultiUser;
  readonly peers?: { readonly parsl?: ParslFigures };
  readonly ratios?: Ratios;
  /** Sections that could not be measured, and why. */
  readonly failures?: readonly { readonly section: string; readonly message: string }[];
}

export interface NoOp {
  readonly tasks_per_s: number;
  readonly submits_per_s: number;
  readonly tasks: number;
  readonly workers: number;
  readonly spread: { readonly tasks_per_s: Spread; readonly submits_per_s: Spread };
}

export interface Latency {
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly samples: number;
  readonly hops: readonly Hop[];
}

export interface Hop {
  readonly name: string;
  readonly p50_us: number;
  readonly p99_us: number;
}

export interface Payload {
  /** 10 MiB argument and result. */
  readonly mb_per_s: number;
  readonly in_flight: number;
  readonly spread: { readonly mb_per_s: Spread };
  readonly sizes: readonly PayloadSize[];
}

/** One size, one task at a time. */
export interface PayloadSize {
  readonly bytes: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly mb_per_s: number;
}

export interface ZeroWorker {
  /** With one manager. */
  readonly tasks_per_s: number;
  readonly cpu_us_per_task: number;
  readonly tasks: number;
  readonly managers: readonly ZeroWorkerPoint[];
}

export interface ZeroWorkerPoint {
  readonly managers: number;
  readonly tasks_per_s: Spread;
  readonly client_cpu_us_per_task: number;
  readonly interchange_cpu_us_per_task: number;
}

export interface ThroughputPoint {
  readonly workers: number;
  readonly payload_bytes: number;
  readonly tasks: number;
  readonly tasks_per_s: number;
  readonly mb_per_s: number;
}

export interface ScaleOut {
  /** Throughput with all managers over throughput with one. */
  readonly ratio: number;
  readonly managers: number;
  readonly workers_per_manager: number;
  readonly tasks_per_s: number;
  readonly one_manager_tasks_per_s: number;
  /** The machine runs the managers too; this is what the interchange itself spends. */
  readonly interchange_cpu_us_per_task: number;
  readonly one_manager_interchange_cpu_us_per_task: number;
  readonly join_s: number;
  readonly interchange_mib: number;
  readonly spread: { readonly tasks_per_s: Spread; readonly one_manager_tasks_per_s: Spread };
}

export interface Memory {
  /** The manager with 64 threads, each of which has run a task. */
  readonly idle_64_workers_mib: number;
  readonly per_worker_mib: number;
  readonly threads: number;
  /** Client and interchange together, in a fresh client that ran one task. */
  readonly idle_engine_mib: number;
  readonly idle_client_mib: number;
  readonly idle_interchange_mib: number;
  readonly idle_cpu_ms_per_s: number;
  /** The largest process while this many tasks wait. */
  readonly pending_1m_mib: number;
  readonly pending_tasks: number;
  readonly pending_by_process_mib: Readonly<Record<string, number>>;
}

/** A simulated day; Parsl's strategies as they are described, in our words. */
export interface NodeHours {
  readonly ours: Day;
  /** No schedule that is done as early costs less, whatever it knows beforehand. */
  readonly least: number;
  readonly ratio_to_least: number;
  readonly parsl_simple: Day;
  readonly parsl_htex_auto_scale: Day;
}

export interface Day {
  readonly node_hours: number;
  readonly jobs: number;
  /** From the first task to the last result, over all phases. */
  readonly completion_h: number;
}

/** On a Slurm cluster: blocks of one node, started with srun. */
export interface Slurm {
  /** From the start of a fresh process to its first result. */
  readonly first_result_s: number;
  /** From the call that submits its first task to the start of sbatch. */
  readonly first_block_submitted_ms: number;
  readonly parsl_first_result_s?: number;
  /** Processor time of ours that one look at 500 jobs takes, without the scheduler's command. */
  readonly watch_500_ms: number;
  readonly watch_500_commands: number;
  readonly spread: {
    readonly first_result_s: Spread;
    readonly first_block_submitted_ms: Spread;
    readonly parsl_first_result_s?: Spread;
    readonly watch_500_ms: Spread;
  };
}

/** No-op Python tasks, packed by the field's SDK, by value and with its default strategies. */
export interface Python {
  readonly tasks_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly tasks: number;
  readonly workers: number;
  /** From the start of the engine to the first result: of interpreters, too. */
  readonly first_result_s: number;
  /** The same tasks on the peer, at its best prefetch. */
  readonly parsl?: { readonly tasks_per_s: number; readonly p50_ms: number; readonly p99_ms: number };
  readonly spread: { readonly tasks_per_s: Spread; readonly parsl_tasks_per_s?: Spread };
}

/** Tasks of an endpoint, through service and broker. */
export interface ServiceFigures {
  readonly tasks_per_s: number;
  readonly tasks: number;
  /** Results that came twice. */
  readonly duplicates: number;
  readonly client_cpu_us_per_task: number;
  /** One task at a time, in turns with `round_trip`, each when what came before it is over. */
  readonly latency: Percentiles;
  /** One confirmed message through the broker to another process, and one back. */
  readonly round_trip: Percentiles;
  /** The same of each right after another: while a task is on its way, the one before it is still being stored. */
  readonly in_a_row: { readonly latency: Percentiles; readonly round_trip: Percentiles };
  readonly spread: { readonly tasks_per_s: Spread };
}

/** They took turns. */
export interface EndpointPart {
  /** With an endpoint that runs nothing: what the SDK, the service and the broker take. */
  readonly limit: EndpointFigures;
  readonly ours: EndpointFigures;
  /** The peer. */
  readonly agent?: AgentFigures;
}

/** User endpoints of users who have none yet. */
export interface MultiUser {
  /** From the submission; they took turns. */
  readonly first_result_s: FirstResults;
  readonly crowd: Crowd;
}

/** Only those whose both sides were measured. */
export interface Ratios {
  readonly python_to_parsl?: number;
  readonly parsl_python_latency_p50_to_ours?: number;
  /** No-op throughput over the peer's at its best setting. */
  readonly no_op_to_parsl?: number;
  readonly no_op_to_piscina?: number;
  /** Smaller is better: our latency over the raw path's. */
  readonly latency_p50_to_zmq?: number;
  readonly latency_p99_to_zmq?: number;
  readonly latency_p99_to_p50?: number;
  /** Larger is better: the peer's latency over ours. */
  readonly parsl_latency_p50_to_ours?: number;
  readonly parsl_cold_start_to_ours?: number;
  readonly parsl_slurm_first_result_to_ours?: number;
  readonly payload_to_zmq?: number;
  readonly zero_worker_to_zmq?: number;
  /** Throughput over the agent's: larger is better. */
  readonly endpoint_to_agent?: number;
  readonly endpoint_submitted_to_agent?: number;
  readonly endpoint_default_to_agent?: number;
  /** Over the agent's: smaller is better. */
  readonly endpoint_p50_to_agent?: number;
  readonly endpoint_first_result_to_agent?: number;
  readonly user_endpoint_first_result_to_agent?: number;
}
