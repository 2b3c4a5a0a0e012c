// PBS Professional and OpenPBS: qsub, qstat, qselect, qdel.

import type { Output } from '../src/common/exec.ts';
import { parser } from '../src/common/schema.ts';
import { parseLauncher } from '../launchers/index.ts';
import type { BatchConfig } from './batch.ts';
import {
  checkTexts, pbsDirectives, pbsProperties, readFound, readSubmitted, readTaken, withTexts, wordsOf, type PbsKeys,
} from './pbs.ts';
import { readListing } from './pbs-listing.ts';
import { asksFor, optionLines, type Refused } from './pbs-options.ts';
import { endOf, parseJobs } from './pbspro-output.ts';
import { checkPolicy } from './policy.ts';
import { batchesOf, type Argv, type History, type JobFiles, type Scheduler } from './scheduler.ts';
import { parseWalltime } from './walltime.ts';

interface Keys extends PbsKeys {
  /** What a node must have beside cpus, as in a `select`: 'ngpus=4:mem=100gb'. */
  readonly select_options: string;
}

export interface PbsProConfig extends Keys, BatchConfig {
  readonly type: 'PBSProProvider';
  readonly walltimeS: number;
}

const parseKeys = parser<Keys>('engine.provider', {
  type: 'object', required: [],
  properties: {
    ...pbsProperties,
    select_options: {
      type: 'string', pattern: '^\\S*$', description: 'resources like ngpus=4:mem=100gb', default: '',
    },
  },
});

const REFUSED: readonly Refused[] = [
  [/^-l\s*(?:.*,)?\s*(?:select|nodes|ncpus)=/, 'set nodes_per_block, cpus_per_node and select_options'],
];
const WALLTIME_DEFAULT = '00:20:00';

export function parsePbsPro(value: Readonly<Record<string, unknown>>): PbsProConfig {
  const { launcher = {}, walltime = WALLTIME_DEFAULT, ...others } = value;
  const keys = parseKeys(withTexts(others));
  const config: PbsProConfig = {
    type: 'PBSProProvider', ...keys, launcher: parseLauncher(launcher),
    walltimeS: parseWalltime(walltime, 'engine.provider.walltime'),
    worker_init: keys.worker_init.replaceAll('\r\n', '\n'),
  };
  checkPolicy(config);
  checkTexts(config, REFUSED);
  return config;
}

const NAME_CHARS_MAX = 230;
/** A listed job is some 4 KB, and all that one command prints must fit into what is read of it. */
const LISTED_MAX = 1000;

const reading = { parse: parseJobs, endOf };

export function pbsPro(config: PbsProConfig): Scheduler {
  return {
    type: config.type,
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
  const isPlaced = asksFor('place', optionLines(keys.scheduler_options));
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
