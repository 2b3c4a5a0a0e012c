// PBS Professional and OpenPBS: qsub, qstat, qselect, qdel.

import type { Output } from '../src/common/exec.ts';
import { parser } from '../src/common/schema.ts';
import { parseLauncher } from '../launchers/index.ts';
import type { BatchConfig } from './batch.ts';
import { checkSchedulerOptions, pbsDirectives, pbsProperties, readSubmitted, readTaken, wordsOf, type PbsKeys }
  from './pbs.ts';
import { readListing } from './pbs-listing.ts';
import { endOf, parseJobs } from './pbspro-output.ts';
import { checkPolicy, policyProperties } from './policy.ts';
import type { BlockPolicy } from './provider.ts';
import { batchesOf, type Argv, type History, type JobFiles, type Listing, type Scheduler } from './scheduler.ts';
import { parseWalltime } from './walltime.ts';

interface Keys extends BlockPolicy, PbsKeys {
  readonly worker_init: string;
  /** Seconds that one command may take. A server that hangs answers none of them, and its clients wait for ever. */
  readonly cmd_timeout: number;
  /** What a node must have beside cpus, as in a `select`: 'ngpus=4:mem=100gb'. */
  readonly select_options: string;
}

export interface PbsProConfig extends Keys, BatchConfig {
  readonly type: 'PBSProProvider';
  /** Seconds. */
  readonly walltime: number;
}

const parseKeys = parser<Keys>('engine.provider', {
  type: 'object', required: [],
  properties: {
    ...policyProperties,
    ...pbsProperties,
    worker_init: { type: 'string', default: '' },
    cmd_timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3600, default: 120 },
    select_options: {
      type: 'string', pattern: '^\\S*$', description: 'resources like ngpus=4:mem=100gb', default: '',
    },
  },
});

export function parsePbsPro(values: Readonly<Record<string, unknown>>): PbsProConfig {
  const { launcher = {}, walltime = '00:20:00', ...keys } = values;
  const parsed = parseKeys(keys);
  const config: PbsProConfig = {
    type: 'PBSProProvider', ...parsed, launcher: parseLauncher(launcher),
    walltime: parseWalltime(walltime, 'engine.provider.walltime'),
  };
  checkPolicy(config);
  checkSchedulerOptions(config.scheduler_options);
  return config;
}

const NAME_CHARS_MAX = 230;
/** A listed job is some 4 KB, and all that one command prints must fit into what is read of it. */
const LISTED_MAX = 1000;

const reading = { parse: parseJobs, endOf };

export function pbsPro(config: PbsProConfig): Scheduler {
  return {
    type: 'PBSProProvider',
    nameCharsMax: NAME_CHARS_MAX,
    directives: (files: JobFiles) => pbsDirectives(config, resourcesOf(config), files),
    submit: { argv: (scriptPath) => ['qsub', scriptPath], read: readSubmitted },
    list: {
      batches: batchesOf(LISTED_MAX),
      // Without -x: where a site keeps no history, that is refused even for jobs that run.
      argv: (ids) => qstat([], ids),
      read: (output, ids) => readListing(output, ids, reading),
    },
    history: { batches: batchesOf(LISTED_MAX), argv: (ids) => qstat(['-x'], ids), read: readHistory },
    find: { batches: batchesOf(1), argv: ([name = '']) => ['qselect', '-N', name], read: readFound },
    // One id a call: a server of version 23.06 crashes on an order that names a held and an unknown job.
    cancel: { batches: batchesOf(1), argv: ([id = '']) => ['qdel', id], read: readTaken },
  };
}

function resourcesOf({ nodes_per_block: nodes, cpus_per_node: cpus, ...keys }: PbsProConfig): string[] {
  const options = keys.select_options === '' ? '' : `:${keys.select_options.replace(/^:/, '')}`;
  // Where nothing is said, a scheduler may put all chunks of a job on one node.
  const isPlaced = /(?:^|[\s,])place=/m.test(keys.scheduler_options);
  return [`select=${nodes}:ncpus=${cpus}${options}`, ...nodes > 1 && !isPlaced ? ['place=scatter'] : []];
}

/** qstat prints times for people, in the time zone of its environment. */
function qstat(options: readonly string[], ids: readonly string[]): Argv {
  return ['env', 'TZ=UTC0', 'qstat', ...options, '-f', '-F', 'json', ...ids];
}

function readHistory(output: Output, ids: readonly string[]): History {
  const none = /^qstat: PBS is not configured to maintain job history/m.exec(output.stderr);
  return none === null ? readListing(output, ids, reading) : { type: 'none', words: wordsOf(output) };
}

/** Only that they are there: the next listing says how they are. */
function readFound(output: Output, [name = '']: readonly string[]): Listing {
  if (output.code !== 0) return { type: 'failed', words: wordsOf(output) };
  const ids = output.stdout.split('\n').filter((line) => line !== '');
  return { type: 'listed', jobs: ids.map((id) => ({ id, name, status: { state: 'unknown', reason: 'just found' } })) };
}
