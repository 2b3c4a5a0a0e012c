// `switchyard run`: what is written on the command line → one request.

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../common/clock.ts';
import { parseYaml } from '../common/yaml.ts';
import { parseEngineConfig } from '../../engine/config.ts';
import { previewBlock } from '../../engine/preview.ts';
import { directoryOfRuns } from '../../engine/runs.ts';
import { Executor } from '../sdk/index.ts';
import { causeText, misuse } from './failure.ts';
import { parseFunction, type Target } from './function.ts';
import { countedInputs, lineInputs } from './inputs.ts';
import { duration, quantity, wholeNumber } from './options.ts';
import { previewText } from './preview-text.ts';
import type { Terminal } from './progress.ts';
import { runSession, type RunRequest, type Source } from './run-session.ts';

interface RunOptions {
  readonly command?: string;
  readonly input?: string;
  readonly files?: readonly string[];
  readonly filesFrom?: string;
  readonly null?: true;
  readonly count?: number;
  readonly spread?: true;
  readonly output: string;
  readonly journal?: string;
  readonly retryFailed?: true;
  readonly engine?: string;
  readonly workers?: number;
  readonly runDirectory?: string;
  readonly dryRun?: true;
  readonly timeout?: number;
  readonly timeRequest?: number;
  readonly retries?: number;
  readonly priority?: number;
  readonly cores?: number;
  readonly memory?: number;
  readonly gpus?: number;
  readonly nodes?: number;
  readonly ranksPerNode?: number;
  readonly maxFailures?: number;
  readonly quiet?: true;
  readonly json?: true;
  readonly verbose?: true;
}

const EXAMPLES = `
Examples:
  switchyard run ./functions.mjs:describe --files 'data/**/*.h5' --output results.jsonl
  switchyard run --command 'gzip --keep {}' --files data --output results.jsonl --journal gzip.journal
  switchyard run ./functions.mjs:simulate --count 100000 --engine cluster.yaml --output results.jsonl
  switchyard run --engine cluster.yaml --dry-run

Exit status: 0 every task is ok, 1 tasks failed, 64 the command line or an input is wrong, 69 no blocks or no engine,
73 or 74 the output or the journal cannot be written, 130 or 143 stopped by Ctrl-C or SIGTERM.
`;

/** `exit` gets the exit status of a run that came to an end. */
export function runCommand(terminal: Terminal, exit: (status: number) => void): Command {
  const positive = wholeNumber(1);
  return new Command('run')
    .description('run a function or a command over many inputs')
    .argument('[function]', 'MODULE:EXPORT, such as ./functions.mjs:describe')
    .option('--command <template>', 'run a shell command instead; {} is the input, quoted, else it goes to the end')
    .option('-i, --input <file>', 'inputs: one JSON value per line; - is standard input')
    .option('-f, --files <path...>', 'inputs: files, directories (with all below them), quoted patterns')
    .option('--files-from <list>', 'inputs: the paths in a file, one per line; - is standard input')
    .option('-0, --null', 'the paths in that file end with a NUL')
    .option('-n, --count <number>', 'inputs: the numbers from 0 up to this', positive)
    .option('--spread', 'an input that is an array is the list of arguments, or what the {} stand for')
    .option('-o, --output <file>', 'where the results go, one JSON object per line; - is standard output', '-')
    .option('-j, --journal <file>', 'makes the run resumable: run the same command again to go on')
    .option('--retry-failed', 'run tasks again that failed, according to the journal')
    .option('-e, --engine <file>', 'YAML: the engine, its provider and launcher; without it, this machine')
    .option('-w, --workers <number>', 'workers on this machine, if not one per core', positive)
    .option('--dry-run', 'show the submit script and the launch command of a block, and start nothing')
    .option('--run-directory <directory>', 'where the engine keeps its logs')
    .option('--timeout <time>', "how long one task may run: '90', '90s', '5m', '2h'", duration)
    .option('--time-request <time>', 'start a task only where its block has so much time left', duration)
    .option('--retries <number>', 'how many more times a task is tried that failed', wholeNumber(0))
    .option('--priority <number>', 'lower is sooner', wholeNumber(Number.MIN_SAFE_INTEGER))
    .option('--cores <number>', 'cores of a node that each task uses, if more than one worker has', quantity)
    .option('--memory <gib>', 'GiB that each task uses, if more than one worker has', quantity)
    .option('--gpus <number>', 'accelerators that each task uses, if more than one', wholeNumber(0))
    .option('--nodes <number>', 'nodes that each task runs on, in a GlobusMPIEngine; see $PARSL_MPI_PREFIX', positive)
    .option('--ranks-per-node <number>', 'MPI ranks on each of them', positive)
    .option('--max-failures <number>', 'stop once that many tasks failed', positive)
    .option('-q, --quiet', 'say nothing unless something is wrong')
    .option('--json', 'at the end a summary as JSON: on standard output, or standard error if the results go there')
    .option('--verbose', 'say where in the code a failure comes from')
    .addHelpText('after', EXAMPLES)
    .action(async (fn: string | undefined, options: RunOptions) => {
      const engine = await engineOf(options);
      const config = parseEngineConfig(engine);
      // What the author of the file should know: keys that have no effect here.
      for (const note of config.notes) process.stderr.write(`switchyard run: note: ${note}\n`);
      if (options.dryRun) {
        const preview = await previewBlock(config, directoryOfRuns(options.runDirectory));
        if (!options.json && !options.quiet) process.stderr.write(previewText(preview));
        process.stdout.write(options.json ? `${JSON.stringify(preview)}\n` : preview.script);
        return;
      }
      exit(await runSession(await requestOf(fn, options), {
        clock: systemClock,
        stdout: process.stdout,
        stderr: process.stderr,
        terminal,
        createExecutor: () => new Executor({
          ...(engine !== undefined && { engine }),
          ...(options.runDirectory !== undefined && { directory: resolve(options.runDirectory) }),
          // Its lock is the proof that no other process has the run.
          ...(options.journal !== undefined && { resumeAs: resolve(options.journal) }),
        }),
      }));
    });
}

async function requestOf(fn: string | undefined, options: RunOptions): Promise<RunRequest> {
  const target = targetOf(fn, options);
  const output = options.output === '-' ? '-' : resolve(options.output);
  const journal = options.journal === undefined ? undefined : resolve(options.journal);
  if (options.retryFailed && journal === undefined) throw misuse('--retry-failed needs the --journal of the run');
  refuseSameFile([
    ['--output', output], ['--journal', journal], ['--input', options.input], ['--files-from', options.filesFrom],
  ]);
  return {
    target,
    source: await sourceOf(options),
    task: {
      ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
      ...(options.timeRequest !== undefined && { minRemainingMs: options.timeRequest }),
      ...(options.retries !== undefined && { retries: options.retries }),
      ...(options.priority !== undefined && { priority: options.priority }),
      ...(options.cores !== undefined && { cores: options.cores }),
      ...(options.memory !== undefined && { memory: options.memory }),
      ...(options.gpus !== undefined && { gpus: options.gpus }),
      ...(options.nodes !== undefined && { nodes: options.nodes }),
      ...(options.ranksPerNode !== undefined && { ranksPerNode: options.ranksPerNode }),
    },
    output,
    journal,
    retryFailed: options.retryFailed === true,
    failuresMax: options.maxFailures ?? Infinity,
    quiet: options.quiet === true,
    json: options.json === true,
    verbose: options.verbose === true,
  };
}

function targetOf(fn: string | undefined, options: RunOptions): Target {
  const { command, spread } = options;
  if (command === undefined) {
    if (fn === undefined) throw misuse('nothing to run: name a MODULE:EXPORT, or give a --command (--help shows how)');
    return parseFunction(fn, spread === true, process.cwd());
  }
  if (fn !== undefined) throw misuse(`either a function or a --command: '${fn}' is one too many`);
  return { type: 'command', command, cwd: process.cwd(), spread: spread === true };
}

async function sourceOf(options: RunOptions): Promise<Source> {
  const { input, files, filesFrom, count } = options;
  const given = [input, files, filesFrom, count].filter((source) => source !== undefined).length;
  if (given !== 1) {
    throw misuse(`${given === 0 ? 'no inputs' : 'more than one source of inputs'}: give one of --input, --files, `
      + '--files-from or --count');
  }
  if (options.null && filesFrom === undefined) throw misuse('--null goes with --files-from');
  if (files !== undefined) return { type: 'files', named: files, directory: process.cwd() };
  if (count !== undefined) return { type: 'inputs', inputs: countedInputs(count) };
  if (input !== undefined) return { type: 'inputs', inputs: await lineInputs(input, { type: 'json' }, process.stdin) };
  const separator = options.null ? '\0' : '\n';
  const form = { type: 'paths', separator, cwd: process.cwd() } as const;
  return { type: 'inputs', inputs: await lineInputs(filesFrom ?? '-', form, process.stdin) };
}

/** The field's engine block, or a file that has it under `engine`. */
async function engineOf({ engine, workers }: RunOptions): Promise<unknown> {
  if (engine === undefined) {
    // So many are wanted, and not only as many as there are cores.
    const share = workers === undefined ? 1 : Math.min(1, availableParallelism() / workers);
    return workers === undefined ? undefined : { max_workers_per_node: workers, cores_per_worker: share };
  }
  if (workers !== undefined) throw misuse(`--workers is for this machine: set max_workers_per_node in ${engine}`);
  let text: string;
  try {
    text = await readFile(engine, 'utf8');
  } catch (cause) {
    throw misuse(`cannot read ${engine}: ${causeText(cause)}`, cause);
  }
  const parsed = parseYaml(text, engine);
  return typeof parsed === 'object' && parsed !== null && 'engine' in parsed ? parsed.engine : parsed;
}

function refuseSameFile(named: readonly (readonly [string, string | undefined])[]): void {
  const seen = new Map<string, string>();
  for (const [option, path] of named) {
    if (path === undefined || path === '-') continue;
    const file = fileOf(resolve(path));
    if (file === undefined) continue;
    const other = seen.get(file);
    if (other !== undefined) throw misuse(`${option} and ${other} name the same file: ${path}`);
    seen.set(file, option);
  }
}

/** One text per file, whatever it is called. A device may be named twice. */
function fileOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return path;
  return found.isFile() ? `${found.dev}:${found.ino}` : undefined;
}
