import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import { renderChart } from '../../bench/chart.ts';
import { renderReport } from '../../bench/report.ts';
import { runBench } from '../../bench/run.ts';
import { SECTION_NAMES, type SectionName } from '../../bench/section.ts';
import { ComputeError } from '../common/errors.ts';
import {
  EXIT_CANNOT_CREATE, EXIT_OK, EXIT_TASKS_FAILED, EXIT_USAGE, exitOf, shutdownSignal,
} from '../common/shutdown.ts';

interface Options {
  readonly only?: string;
  readonly quick: boolean;
  readonly peer?: string;
  readonly python?: string;
  readonly json: boolean;
  readonly output?: string;
  readonly svg?: string;
  readonly quiet: boolean;
}

const PEERS = ['parsl'] as const;

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure this machine: throughput, latency, payload, memory, and the limits below them')
    .option('--only <sections>', `run a part: ${SECTION_NAMES.join(', ')}`)
    .option('--quick', 'a short version of each section', false)
    .option('--peer <name>', 'the same work on a peer, in a virtual environment made for it: parsl')
    .option('--python <path>', 'the Python for that environment')
    .option('--json', 'the report as JSON on standard output', false)
    .option('--output <file>', 'the report as JSON into a file')
    .option('--svg <file>', 'the chart into a file')
    .option('--quiet', 'no progress on standard error', false)
    .action(async (options: Options) => {
      process.exitCode = await bench(options);
    });
}

async function bench(options: Options): Promise<number> {
  let sections: SectionName[];
  try {
    sections = chooseSections(options.only, options.peer);
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    process.stderr.write(`switchyard bench: ${error.message}\n`);
    return EXIT_USAGE;
  }
  const signal = shutdownSignal();
  const progress = (text: string): void => {
    if (!options.quiet) process.stderr.write(`${text}\n`);
  };
  try {
    const report = await runBench({ sections, quick: options.quick, python: options.python }, signal, progress);
    const json = `${JSON.stringify(report, null, 2)}\n`;
    process.stdout.write(options.json ? json : renderReport(report));
    if (options.output !== undefined) await write(options.output, json);
    if (options.svg !== undefined) await write(options.svg, renderChart(report));
    return report.failures === undefined ? EXIT_OK : EXIT_TASKS_FAILED;
  } catch (error) {
    if (signal.aborted) return exitOf(signal.reason as NodeJS.Signals); // shutdownSignal's reason is the signal's name
    if (!(error instanceof ComputeError)) throw error;
    process.stderr.write(`switchyard bench: ${error.message}\n`);
    return EXIT_CANNOT_CREATE;
  }
}

/** Every section but the peers, which must be asked for; in the order of the table, whatever was typed. */
export function chooseSections(only: string | undefined, peer: string | undefined): SectionName[] {
  if (peer !== undefined) known('peer', peer, PEERS);
  const wanted = only?.split(',').map((word) => known('section', word.trim().replaceAll('-', '_'), SECTION_NAMES));
  return SECTION_NAMES.filter((name) =>
    (wanted === undefined ? name !== 'peers' : wanted.includes(name)) || (name === 'peers' && peer !== undefined));
}

function known<Name extends string>(what: string, word: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === word);
  if (found !== undefined) return found;
  const nearest = closest(word, names);
  const hint = distance(word, nearest) <= 3 ? `did you mean ${nearest}?` : `there are ${names.join(', ')}`;
  throw new ComputeError('USAGE', `there is no ${what} '${word}': ${hint}`);
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new ComputeError('STORAGE_FAILED', `could not write ${path}`, { cause });
  }
}
