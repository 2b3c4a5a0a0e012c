// What a task asks for → how many of a manager's slots it takes. Pure; what can never be had is an error at once.

import { ComputeError } from '../src/common/errors.ts';
import type { Footprint, ResourceSpecification } from '../src/common/protocol.ts';
import { inWords } from '../src/common/resources.ts';
import type { EngineConfig } from './config.ts';

type Asked = keyof ResourceSpecification;

const ORDINARY: readonly Asked[] = ['cores', 'memory', 'gpus'];
const MPI: readonly Asked[] = ['num_nodes', 'ranks_per_node', 'num_ranks', 'launcher_options'];

/**
 * Undefined for a task that takes one slot of an ordinary engine. Throws CONFIG_INVALID for what makes no sense, and
 * TASK_TOO_LARGE for what no node or block of this configuration can ever have.
 */
export function footprintOf(config: EngineConfig, asked: ResourceSpecification): Footprint | undefined {
  return config.mpi === null ? workersFor(config, asked) : nodesFor(config, asked);
}

function workersFor(config: EngineConfig, asked: ResourceSpecification): Footprint | undefined {
  refuse(asked, MPI, 'is for an engine of type GlobusMPIEngine; this one has cores, memory and gpus');
  const wanted = [byCores(config, asked.cores), byMemory(config, asked.memory), byGpus(config, asked.gpus)];
  const width = Math.max(1, ...wanted);
  const { max_workers_per_node: cap, available_accelerators: accelerators } = config;
  if (cap !== null && width > cap) {
    throw tooLarge(asked, width, `max_workers_per_node is ${cap}: raise it, or what one worker has (cores_per_worker, `
      + 'mem_per_worker)');
  }
  if (accelerators.length > 0 && width > accelerators.length) {
    throw tooLarge(asked, width, `a node has one for each of its ${accelerators.length} available_accelerators: raise `
      + 'what one worker has (cores_per_worker, mem_per_worker)');
  }
  return width === 1 ? undefined : { width, asked };
}

function byCores({ cores_per_worker: each }: EngineConfig, cores = 0): number {
  // Quotients of fractions come out a hair too large; a hair is no worker.
  return Math.ceil(cores / each - 1e-9);
}

function byMemory({ mem_per_worker: each }: EngineConfig, memory = 0): number {
  if (memory === 0) return 0;
  if (each !== null) return Math.ceil(memory / each - 1e-9);
  throw invalid(`the task asks for memory ${memory}, and nothing says how much a worker has: set mem_per_worker`);
}

function byGpus({ available_accelerators: names }: EngineConfig, gpus = 0): number {
  if (gpus === 0) return 0;
  if (!Number.isInteger(gpus)) throw invalid(`the task asks for gpus ${gpus}, and a worker has whole ones`);
  const devices = names.map((name) => name.split(','));
  const count = new Set(devices.flat()).size;
  if (gpus > count) {
    throw new ComputeError('TASK_TOO_LARGE',
      `the task asks for gpus ${gpus}, and available_accelerators names ${count === 0 ? 'none' : count}`);
  }
  if (gpus > 1 && count < devices.flat().length) {
    throw invalid(`the task asks for gpus ${gpus}, and available_accelerators names one more than once: workers that `
      + 'share a device cannot add theirs up');
  }
  return Math.ceil(gpus / Math.min(...devices.map((held) => held.length)));
}

/** The field's rules: two numbers imply the third. What is not said is 1. */
function nodesFor(config: EngineConfig, asked: ResourceSpecification): Footprint {
  refuse(asked, ORDINARY, 'is not for this engine: a task of GlobusMPIEngine takes whole nodes, num_nodes of them');
  if (!MPI.some((key) => asked[key] !== undefined)) {
    throw invalid('MPI mode requires a resource specification: give num_nodes, ranks_per_node or num_ranks');
  }
  for (const key of ['num_nodes', 'ranks_per_node', 'num_ranks'] as const) {
    const value = asked[key] ?? 1;
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(`${key} is ${value}: it is a whole number from 1`);
  }
  const { num_nodes: nodes, ranks_per_node: perNode, num_ranks: ranks, launcher_options: options } = asked;
  const width = nodes ?? (ranks === undefined || perNode === undefined ? 1 : share(ranks, perNode, asked));
  const each = perNode ?? (ranks === undefined ? 1 : share(ranks, width, asked));
  const total = ranks ?? width * each;
  if (total !== width * each) {
    throw invalid(`${inWords(asked)}: num_ranks must be num_nodes × ranks_per_node, which is ${width * each}`);
  }
  const has = config.provider.nodes_per_block;
  if (width > has) {
    throw new ComputeError('TASK_TOO_LARGE',
      `the task asks for ${inWords(asked)}, and nodes_per_block is ${has}: a task cannot span blocks`);
  }
  return {
    width,
    asked: {
      num_nodes: width, ranks_per_node: each, num_ranks: total,
      ...(options === undefined ? {} : { launcher_options: options }),
    },
  };
}

function share(ranks: number, over: number, asked: ResourceSpecification): number {
  if (ranks % over === 0) return ranks / over;
  throw invalid(`${inWords(asked)}: the ranks do not divide evenly`);
}

function refuse(asked: ResourceSpecification, keys: readonly Asked[], why: string): void {
  const found = keys.find((key) => asked[key] !== undefined);
  if (found !== undefined) throw invalid(`${found} ${why}`);
}

function tooLarge(asked: ResourceSpecification, width: number, limit: string): ComputeError {
  return new ComputeError('TASK_TOO_LARGE',
    `the task asks for ${inWords(asked)}, which is what ${width} workers have, and ${limit}`);
}

function invalid(message: string): ComputeError {
  return new ComputeError('CONFIG_INVALID', message);
}
