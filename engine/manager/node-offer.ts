// What a node offers this block: not what the machine has, but what the job owns of it. The least of what the kernel,
// the scheduler and the provider say. Pure.

import { parseCores } from './affinity.ts';
import { cgroupLimits } from './cgroup.ts';

/** Everything that is looked at, as it was found. */
export interface NodeSources {
  readonly node: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Texts of `/proc/self/status` and `/proc/meminfo`, and of the control groups' files, by path. */
  readonly files: ReadonlyMap<string, string>;
  /** NVIDIA devices that the kernel drives; 0 where nothing is known. */
  readonly nvidiaDevices: number;
}

export interface NodeOffer {
  /** At least 1. */
  readonly cores: number;
  /** Who says so, for people. */
  readonly coresFrom: string;
  readonly memoryGiB: number;
  readonly memoryFrom: string;
  /** The cores that this process may be bound to. */
  readonly allowed: readonly number[];
  /** The names of the accelerators that the job may use; undefined where nobody says. */
  readonly devices: readonly string[] | undefined;
}

type Environment = NodeSources['environment'];
type Bound = readonly [amount: number, from: string];

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function offerOf({ node, environment, files, nvidiaDevices }: NodeSources): NodeOffer {
  const allowed = parseCores(/^Cpus_allowed_list:\s*(\S+)/m.exec(files.get('/proc/self/status') ?? '')?.[1] ?? '');
  const limits = cgroupLimits(files);
  const cpus = jobCpus(node, environment);
  const [cores, coresFrom] = least([
    [allowed.length > 0 ? allowed.length : 1, 'that this process may use'],
    [limits.cores, 'by the cgroup\'s quota'],
    ...cpus,
    [amount(environment, 'PARSL_CORES'), 'PARSL_CORES'],
  ]);
  const [bytes, memoryFrom] = least([
    [freeBytes(files.get('/proc/meminfo') ?? ''), 'free'],
    [limits.memoryBytes, 'by the cgroup\'s limit'],
    ...jobMemory(environment, Math.min(...cpus.map(([count]) => count))),
    [amount(environment, 'PARSL_MEMORY_GB') * GIB, 'PARSL_MEMORY_GB'],
  ]);
  return {
    cores: Math.max(1, Math.floor(cores)), coresFrom, memoryGiB: bytes / GIB, memoryFrom, allowed,
    devices: devicesOf(environment, nvidiaDevices),
  };
}

/**
 * What each slot's worker is shown. Numbers count through what the job may use, whatever that is called; if there are
 * more of them than devices, neighbours share one. Names are the administrator's and stay.
 */
export function acceleratorsOf(names: readonly string[], devices: NodeOffer['devices']): readonly string[] {
  const counted = names.every((name, i) => name === String(i));
  if (devices === undefined || devices.length === 0 || !counted) return names;
  const each = Math.max(1, names.length / devices.length);
  return names.map((name, i) => devices[Math.floor(i / each)] ?? name);
}

function least(bounds: readonly Bound[]): Bound {
  return bounds.reduce((lowest, bound) => (bound[0] < lowest[0] ? bound : lowest));
}

/** The CPUs that the scheduler gave the job on this node. */
function jobCpus(node: string, environment: Environment): Bound[] {
  const bounds: Bound[] = [];
  const slurmNode = environment['SLURMD_NODENAME'];
  if (environment['SLURM_JOB_ID'] !== undefined && slurmNode !== undefined) {
    // mpiexec carries the first node's environment to all the others.
    const here = shortName(slurmNode) === shortName(node);
    const each = here ? amount(environment, 'SLURM_CPUS_ON_NODE') : Infinity;
    bounds.push(each < Infinity ? [each, 'SLURM_CPUS_ON_NODE']
      : [sameOnAll(environment['SLURM_JOB_CPUS_PER_NODE'] ?? ''), 'SLURM_JOB_CPUS_PER_NODE']);
  }
  if (environment['PBS_JOBID'] !== undefined) {
    bounds.push([amount(environment, 'NCPUS'), 'NCPUS'], [amount(environment, 'PBS_NUM_PPN'), 'PBS_NUM_PPN']);
    const perNode = amount(environment, 'PBS_NP') / amount(environment, 'PBS_NUM_NODES');
    bounds.push([perNode > 0 ? perNode : Infinity, 'PBS_NP']);
  }
  return bounds;
}

/** `4(x2)` → 4; nodes that differ say nothing of this one. */
function sameOnAll(list: string): number {
  const counts = new Set(list.split(',').map((part) => /^(\d+)(?:\(x\d+\))?$/.exec(part)?.[1] ?? ''));
  const [only = ''] = counts;
  return counts.size === 1 && only !== '' && Number(only) > 0 ? Number(only) : Infinity;
}

function jobMemory(environment: Environment, cpus: number): Bound[] {
  if (environment['SLURM_JOB_ID'] === undefined) return [];
  const perCpu = amount(environment, 'SLURM_MEM_PER_CPU') * cpus;
  return [
    [amount(environment, 'SLURM_MEM_PER_NODE') * MIB, 'SLURM_MEM_PER_NODE'], // 0: all of it
    [perCpu * MIB, 'SLURM_MEM_PER_CPU'],
  ];
}

/** Infinity where it says nothing. */
function amount(environment: Environment, name: string): number {
  const value = Number(environment[name] ?? '');
  return value > 0 ? value : Infinity;
}

function freeBytes(meminfo: string): number {
  const line = /^MemAvailable:\s*(\d+) kB/m.exec(meminfo) ?? /^MemTotal:\s*(\d+) kB/m.exec(meminfo);
  return line === null ? Infinity : Number(line[1]) * 1024;
}

const VISIBLE = ['CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK'];

/** How it is said that there is no device. */
const NONE = new Set(['', '-1', 'NoDevFiles']);

function devicesOf(environment: Environment, nvidiaDevices: number): string[] | undefined {
  const visible = VISIBLE.map((name) => environment[name]?.trim() ?? '').find((list) => list !== '');
  if (visible !== undefined) return visible.split(',').map((name) => name.trim()).filter((name) => !NONE.has(name));
  const given = amount(environment, 'SLURM_GPUS_ON_NODE');
  const count = given < Infinity ? given : nvidiaDevices;
  return count > 0 ? Array.from({ length: count }, (_, device) => String(device)) : undefined;
}

function shortName(node: string): string {
  return node.split('.', 1)[0]?.toLowerCase() ?? '';
}
