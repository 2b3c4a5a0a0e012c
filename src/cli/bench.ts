// `switchyard bench`: which sections, how thoroughly, and where the report goes.

import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { renderChart } from '../../bench/chart.ts';
import { renderReport } from '../../bench/report.ts';
import { runBench } from '../../bench/run.ts';
import { slurmAnswers } from '../../bench/slurm/site.ts';
import { SECTION_NAMES, type SectionName } from '../../bench/section.ts';
import { suggest } from '../common/schema.ts';
import { EXIT_OK, EXIT_TASKS_FAILED, exitOf, shutdownSignal } from '../common/shutdown.ts';
import { misuse, storageFailed } from './failure.ts';

interface Options {
  readonly only?: string;
  readonly quick?: true;
  readonly peer?: string;
  readonly python?: string;
  readonly partition?: string;
  readonly database?: string;
  readonly json?: true;
  readonly output?: string;
  readonly svg?: string;
  readonly quiet?: true;
}

const PEERS = ['parsl', 'agent'] as const;

const EXAMPLES = `
Examples:
  switchyard bench --quick
  switchyard bench --peer parsl --output bench.json --svg bench.svg
  switchyard bench --only limits,latency --json
  switchyard bench --only slurm --partition short --peer parsl
  switchyard bench --only service --database postgres://user@host/database
  switchyard bench --only endpoint --peer agent
  sudo switchyard bench --only multi_user --peer agent

Exit status: 0 everything was measured, 1 a section could not be, 64 there is no such section, 73 a file cannot be
written, 130 or 143 stopped by Ctrl-C or SIGTERM.
`;

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure what this machine does with tasks, and the limits below it')
    .option('--only <sections>', `run a part: ${SECTION_NAMES.join(', ')}`)
    .option('--quick', 'a short version of each section')
    .option('--peer <name>', 'the same work on a peer, in a virtual environment of its own: parsl, or agent')
    .option('--python <path>', 'the Python for that environment')
    .option('--partition <name>', "the Slurm partition, if not the cluster's default")
    .option('--database <url>', 'a PostgreSQL server to measure the service with as well')
    .option('--json', 'the report as JSON on standard output')
    .option('-o, --output <file>', 'the report as JSON into a file')
    .option('--svg <file>', 'the chart into a file')
    .option('-q, --quiet', 'no progress on standard error')
    .option('--verbose', 'say where in the code a failure comes from')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      process.exitCode = await bench(options, shutdownSignal());
    });
}

/** Returns the exit status. */
async function bench(options: Options, signal: AbortSignal): Promise<number> {
  const progress = (text: string): void => {
    if (options.quiet !== true) process.stderr.write(`${text}\n`);
  };
  try {
    const onCluster = options.only === undefined && await slurmAnswers(signal);
    const { sections, peer } = chooseSections(options.only, options.peer, onCluster);
    const { partition, python, quick = false, database: databaseUrl } = options;
    const report = await runBench({ sections, quick, peer, python, partition, databaseUrl }, signal, progress);
    const json = `${JSON.stringify(report, null, 2)}\n`;
    process.stdout.write(options.json === true ? json : renderReport(report));
    if (options.output !== undefined) await write(options.output, json);
    if (options.svg !== undefined) await write(options.svg, renderChart(report));
    return report.failures === undefined ? EXIT_OK : EXIT_TASKS_FAILED;
  } catch (error) {
    if (signal.aborted) return exitOf(signal.reason as NodeJS.Signals); // shutdownSignal's reason is the signal's name
    throw error;
  }
}

/** They need what not every machine has. */
const ON_DEMAND: ReadonlySet<SectionName> = new Set(['python', 'service', 'endpoint', 'multi_user', 'peers']);
/** They measure the peer themselves. */
const HAS_PEER: ReadonlySet<SectionName> = new Set(['slurm', 'python', 'endpoint', 'multi_user']);

export interface Choice {
  readonly sections: SectionName[];
  readonly peer: typeof PEERS[number] | undefined;
}

/**
 * Every section but those that must be asked for, and slurm, where no cluster answers; in the order of the table,
 * whatever was typed. Alone, slurm, python, endpoint and multi_user have the peer beside them, without the
 * peers' section.
 */
export function chooseSections(only: string | undefined, peerName: string | undefined, onCluster: boolean): Choice {
  const peer = peerName === undefined ? undefined : known('peer', peerName, PEERS);
  const wanted = only?.split(',').map((word) => known('section', word.trim().replaceAll('-', '_'), SECTION_NAMES))
    ?? SECTION_NAMES.filter((name) => !ON_DEMAND.has(name) && (name !== 'slurm' || onCluster));
  const beside = peer === 'parsl' && wanted.some((name) => !HAS_PEER.has(name));
  return { sections: SECTION_NAMES.filter((name) => wanted.includes(name) || (name === 'peers' && beside)), peer };
}

function known<Name extends string>(what: string, word: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === word);
  if (found !== undefined) return found;
  throw misuse(`there is no ${what} '${word}'${suggest(word, names) || `: there are ${names.join(', ')}`}`);
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw storageFailed(`could not write ${path}`, cause, true);
  }
}
