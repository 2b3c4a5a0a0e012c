// Torque: qsub, qstat, qselect, qdel. It was built and tested on its documentation and on the format it shares with PBS
// Professional; there was no server to ask.

import type { Output } from '../src/common/exec.ts';
import { parser } from '../src/common/schema.ts';
import { parseLauncher } from '../launchers/index.ts';
import type { BatchConfig } from './batch.ts';
import {
  checkTexts, pbsDirectives, pbsProperties, readFound, readSubmitted, readTaken, withTexts, type PbsKeys,
} from './pbs.ts';
import { readListing } from './pbs-listing.ts';
import { asksFor, optionLines } from './pbs-options.ts';
import { checkPolicy } from './policy.ts';
import { batchesOf, type Argv, type History, type JobFiles, type Scheduler } from './scheduler.ts';
import { endOf, parseLongJobs } from './torque-output.ts';
import { parseWalltime } from './walltime.ts';

export interface TorqueConfig extends PbsKeys, BatchConfig {
  readonly type: 'TorqueProvider';
  readonly walltimeS: number;
}

const parseKeys = parser<PbsKeys>('engine.provider', { type: 'object', required: [], properties: pbsProperties });
const WALLTIME_DEFAULT = '00:20:00';

export function parseTorque(value: Readonly<Record<string, unknown>>): TorqueConfig {
  const { launcher = {}, walltime = WALLTIME_DEFAULT, ...others } = value;
  const keys = parseKeys(withTexts(others));
  const config: TorqueConfig = {
    type: 'TorqueProvider', ...keys, launcher: parseLauncher(launcher),
    walltimeS: parseWalltime(walltime, 'engine.provider.walltime'),
    worker_init: keys.worker_init.replaceAll('\r\n', '\n'),
  };
  checkPolicy(config);
  checkTexts(config, []);
  return config;
}

/** What older versions take. */
const NAME_CHARS_MAX = 15;
const LISTED_MAX = 1000;

const reading = { parse: parseLongJobs, endOf };

export function torque(config: TorqueConfig): Scheduler {
  const qstat = (ids: readonly string[]): Argv => ['env', 'TZ=UTC0', 'qstat', '-f', ...ids];
  return {
    type: config.type,
    nameCharsMax: NAME_CHARS_MAX,
    directives: (files: JobFiles) => pbsDirectives(config, resourcesOf(config), files),
    submit: { argv: (scriptPath) => ['qsub', scriptPath], read: readSubmitted },
    // Ended jobs are listed for as long as the site's keep_completed says.
    list: { batches: batchesOf(LISTED_MAX), argv: qstat, read: (output, ids) => readListing(output, ids, reading) },
    history: { batches: batchesOf(LISTED_MAX), argv: qstat, read: readHistory },
    find: { batches: batchesOf(1), argv: ([name = '']) => ['qselect', '-N', name], read: readFound },
    cancel: { batches: batchesOf(1), argv: ([id = '']) => ['qdel', id], read: readTaken },
  };
}

function resourcesOf(config: TorqueConfig): string[] {
  const { nodes_per_block: nodes, cpus_per_node: cpus } = config;
  return asksFor('nodes', optionLines(config.scheduler_options)) ? [] : [`nodes=${nodes}:ppn=${cpus}`];
}

/** There is no other source, so the same question is asked once more. */
function readHistory(output: Output, ids: readonly string[]): History {
  const again = readListing(output, ids, reading);
  if (again.type === 'failed' || again.jobs.length > 0) return again;
  return { type: 'none', words: 'Torque forgets ended jobs after keep_completed' };
}
