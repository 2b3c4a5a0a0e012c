// Slurm: sbatch, squeue, sacct, scancel.

import { invalid, parser, type Schema } from '../src/common/schema.ts';
import { parseLauncher, type LauncherConfig } from '../launchers/index.ts';
import type { BatchConfig } from './batch.ts';
import { checkPolicy, policyProperties } from './policy.ts';
import { batchesOf, type Argv, type JobFiles, type Scheduler } from './scheduler.ts';
import { readSacct, readSbatch, readScancel, readSqueue, SACCT_COLUMNS, SQUEUE_COLUMNS } from './slurm-output.ts';
import { optionLines, quoteOption } from './slurm-options.ts';
import type { BlockPolicy } from './provider.ts';
import { formatWalltime, parseWalltime } from './walltime.ts';

interface Keys extends BlockPolicy {
  /** `--partition`; the site's default without it. Several, separated by commas, leave the choice to Slurm. */
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  /** `--constraint`: features that the nodes must have. */
  readonly constraint?: string;
  /** `--clusters`: the one of them that can start the block first gets it. */
  readonly clusters?: string;
  /** Nodes for this block alone. Without it, ask for the cores and the memory that the workers need. */
  readonly exclusive: boolean;
  /** GB. */
  readonly mem_per_node?: number;
  readonly cores_per_node?: number;
  /** `--gpus-per-node`: 4, or a100:4. */
  readonly gpus_per_node?: string;
  /** `--gres`, as sites without `--gpus-per-node` want GPUs asked for. */
  readonly gres?: string;
  /** More #SBATCH lines, one option a line; `#SBATCH` itself may be left out. They win over the keys above. */
  readonly scheduler_options: string;
  /** Shell text that every job begins with: modules, environments. */
  readonly worker_init: string;
  /** Seconds that one of Slurm's commands may take. */
  readonly cmd_timeout: number;
  /** How many jobs one question to the accounting database names; large ones have hung it. */
  readonly status_batch_size: number;
  /** Where a site's sbatch prints something else than a job id: how to find it, as the group `id`. */
  readonly regex_job_id: string;
}

export interface SlurmConfig extends Keys, BatchConfig {
  readonly type: 'SlurmProvider';
  readonly walltimeS: number;
  readonly launcher: LauncherConfig;
}

const word = { type: 'string', nullable: true, pattern: '^[^\\r\\n\\0]+$', description: 'one line of text' } as const;
const count = { type: 'integer', minimum: 1, nullable: true } as const;

const properties: Schema<Keys>['properties'] = {
  ...policyProperties,
  partition: word, account: word, qos: word, constraint: word, clusters: word, gpus_per_node: word, gres: word,
  exclusive: { type: 'boolean', default: true },
  mem_per_node: { type: 'number', exclusiveMinimum: 0, nullable: true },
  cores_per_node: count,
  scheduler_options: { type: 'string', default: '' },
  worker_init: { type: 'string', default: '' },
  cmd_timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3600, default: 10 },
  status_batch_size: { type: 'integer', minimum: 1, maximum: 10_000, default: 50 },
  regex_job_id: { type: 'string', default: 'Submitted batch job (?P<id>\\S*)' },
};
const parseKeys = parser<Keys>('engine.provider', { type: 'object', required: [], properties });

const WORD_KEYS = ['partition', 'account', 'qos', 'constraint', 'clusters', 'gpus_per_node', 'gres'];
const WALLTIME_DEFAULT = '00:10:00';

export function parseSlurm(value: Readonly<Record<string, unknown>>): SlurmConfig {
  const { launcher = {}, walltime = WALLTIME_DEFAULT, ...others } = value;
  const keys = parseKeys(Object.fromEntries(Object.entries(others).flatMap(([key, found]) => asText(key, found))));
  const config: SlurmConfig = {
    type: 'SlurmProvider', ...keys, launcher: parseLauncher(launcher),
    walltimeS: parseWalltime(walltime, 'engine.provider.walltime'),
    // Slurm refuses scripts with the line ends of another system.
    worker_init: keys.worker_init.replaceAll('\r\n', '\n'),
  };
  checkPolicy(config);
  optionLines(config.scheduler_options);
  jobIdPattern(config.regex_job_id);
  const [first = ''] = config.worker_init.split('\n').filter((line) => !/^\s*(#(?!SBATCH)|$)/.test(line));
  if (first.startsWith('#SBATCH')) {
    throw invalid([`engine.provider.worker_init: Slurm does not read "${first}" here; move it to scheduler_options`]);
  }
  return config;
}

/** Accounts and the like may be numbers to YAML; templates make empty texts of what is not given. */
function asText(key: string, value: unknown): [string, unknown][] {
  if (!WORD_KEYS.includes(key)) return [[key, value]];
  if (value === '') return [];
  return [[key, typeof value === 'number' ? String(value) : value]];
}

function jobIdPattern(text: string): RegExp {
  try {
    return new RegExp(text.replaceAll('(?P<', '(?<'), 'm');
  } catch (cause) {
    throw invalid([`engine.provider.regex_job_id: ${String(cause)}`]);
  }
}

/** Slurm itself takes more; a command line does not without end. */
const LIST_MAX = 1000;
const CANCEL_MAX = 100;
const NAME_CHARS_MAX = 64;

export function slurm(config: SlurmConfig): Scheduler {
  const withClusters = config.clusters !== undefined;
  const jobId = jobIdPattern(config.regex_job_id);
  const clusters = config.clusters === undefined ? [] : [`--clusters=${config.clusters}`];
  const squeue = (...which: readonly string[]): Argv => timed('squeue', ...clusters, '--noheader', '--states=all',
    `--Format=${SQUEUE_COLUMNS.map((column) => `${column}:|`).join(',')}`, ...which);
  return {
    type: config.type,
    nameCharsMax: NAME_CHARS_MAX,
    directives: (files) => directives(config, files),
    submit: {
      argv: (script) => ['sbatch', '--parsable', script],
      read: (output) => readSbatch(output, withClusters, jobId),
    },
    list: {
      argv: (ids) => squeue(`--jobs=${numbersOf(ids)}`),
      read: (output) => readSqueue(output, withClusters),
      batches: batchesOf(LIST_MAX),
    },
    find: {
      argv: (names) => squeue('--me', `--name=${names.join(',')}`),
      read: (output) => readSqueue(output, withClusters),
      batches: batchesOf(LIST_MAX),
    },
    history: {
      // All records of an id: the latest may be of a job that got it after ours.
      argv: (ids) => timed('sacct', ...clusters, '--allocations', '--duplicates', '--noheader', '--parsable2',
        `--format=${SACCT_COLUMNS.join(',')}`, `--jobs=${numbersOf(ids)}`),
      read: (output) => readSacct(output, withClusters),
      batches: batchesOf(config.status_batch_size),
    },
    cancel: {
      argv: (ids) => ['scancel', ...clusterOf(ids[0]).map((name) => `--clusters=${name}`), ...ids.map(numberOf)],
      read: readScancel,
      // An id means something in its own cluster only.
      batches: (ids) => byCluster(ids).flatMap(batchesOf(CANCEL_MAX)),
    },
  };
}

/** Times as seconds since 1970: the host may be in another time zone. */
function timed(...argv: readonly string[]): Argv {
  return ['env', 'SLURM_TIME_FORMAT=%s', ...argv];
}

/** "12;name" → "12". */
function numberOf(id: string): string {
  return id.split(';', 1)[0] ?? id;
}

function numbersOf(ids: readonly string[]): string {
  return ids.map(numberOf).join(',');
}

function clusterOf(id: string | undefined): string[] {
  return id?.split(';').slice(1) ?? [];
}

function byCluster(ids: readonly string[]): string[][] {
  const names = new Set(ids.map((id) => clusterOf(id).join('')));
  return [...names].map((name) => ids.filter((id) => clusterOf(id).join('') === name));
}

function directives(config: SlurmConfig, files: JobFiles): string[] {
  const { mem_per_node: memory, cores_per_node: cores } = config;
  const option = (name: string, value: string | number | undefined): string[] =>
    (value === undefined ? [] : [`#SBATCH --${name}=${quoteOption(String(value))}`]);
  return [
    ...option('nodes', config.nodes_per_block),
    ...option('ntasks-per-node', 1),
    ...option('time', formatWalltime(config.walltimeS)),
    ...option('partition', config.partition),
    ...option('account', config.account),
    ...option('qos', config.qos),
    ...option('constraint', config.constraint),
    ...option('clusters', config.clusters),
    ...config.exclusive ? ['#SBATCH --exclusive'] : [],
    ...option('cpus-per-task', cores),
    ...option('mem', memory === undefined ? undefined : megabytes(memory)),
    ...option('gpus-per-node', config.gpus_per_node),
    ...option('gres', config.gres),
    // A block that was lost is replaced by a new one when there is work for it. Coming back by itself it would be one
    // too many, with the keys and the name of a block that is over.
    '#SBATCH --no-requeue',
    // The nodes that live serve on when one dies.
    '#SBATCH --no-kill',
    ...optionLines(config.scheduler_options),
    // After the user's own lines, of which the last word on each option counts: by these the job is found again.
    ...option('job-name', files.name),
    ...option('chdir', files.folder),
    ...option('output', pattern(files.stdoutPath)),
    ...option('error', pattern(files.stderrPath)),
  ];
}

function megabytes(gigabytes: number): string {
  return Number.isInteger(gigabytes) ? `${gigabytes}G` : `${Math.ceil(gigabytes * 1024)}M`;
}

/** %j and the like mean something in the names of output files. */
function pattern(path: string): string {
  return path.replaceAll('%', '%%');
}
