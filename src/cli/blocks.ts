// `switchyard blocks`: what the schedulers have of all runs of this user; `switchyard blocks clean`: an end to what a
// killed run left there.

import { Command } from 'commander';
import { directoryOfRuns, endRun, surveyRuns, type RunSurvey } from '../../engine/runs.ts';
import { systemClock } from '../common/clock.ts';
import { EXIT_OK, EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import { blocksJson, blocksText } from './blocks-table.ts';
import { misuse } from './failure.ts';
import { duration } from './options.ts';
import { several } from './words.ts';

interface ListOptions {
  readonly runDirectory?: string;
  readonly json?: true;
}

interface CleanOptions extends ListOptions {
  readonly run?: string;
  readonly dryRun?: true;
  readonly wait: number;
}

const WAIT_MS = 60_000;

const EXAMPLES = `
Examples:
  switchyard blocks
  switchyard blocks clean --dry-run
  switchyard blocks clean --run 20260921-101500-4711

Exit status: 0 done, 64 there is no such run, or it is not ours to end, 69 a scheduler could not be asked, or still has
a block.
`;

/** `exit` gets the exit status. */
export function blocksCommand(exit: (status: number) => void): Command {
  const common = (command: Command): Command => command
    .option('--run-directory <directory>', 'where runs keep their folders, if not in ~/.switchyard/runs')
    .option('--json', 'as JSON on standard output')
    .option('--verbose', 'say where in the code a failure comes from');
  const clean = common(new Command('clean'))
    .description('end the blocks of runs whose process is gone, and wait until they are')
    .option('--run <name>', 'of this run only')
    .option('--dry-run', 'say what would be ended, and end nothing')
    .option('--wait <time>', 'how long to wait for a scheduler', duration, WAIT_MS)
    // Options of the same name are read by the command before this one.
    .action(async (_: CleanOptions, command: Command) => { exit(await cleanRuns(command.optsWithGlobals())); });
  return common(new Command('blocks'))
    .description('list the blocks of all runs of this user')
    .addHelpText('after', EXAMPLES)
    .addCommand(clean)
    .action(async (options: ListOptions) => { exit(await listBlocks(options)); });
}

async function listBlocks({ runDirectory, json }: ListOptions): Promise<number> {
  const surveys = await surveyRuns(directoryOfRuns(runDirectory), systemClock);
  const now = systemClock.now();
  process.stdout.write(json ? `${JSON.stringify(blocksJson(surveys, now))}\n` : blocksText(surveys, now));
  tellProblems(surveys);
  return surveys.some(({ problem }) => problem !== undefined) ? EXIT_UNAVAILABLE : EXIT_OK;
}

async function cleanRuns(options: CleanOptions): Promise<number> {
  const { runDirectory, run: wanted, json } = options;
  const surveys = (await surveyRuns(directoryOfRuns(runDirectory), systemClock))
    .filter(({ run }) => wanted === undefined || run.name === wanted);
  if (wanted !== undefined && surveys.length === 0) {
    throw misuse(`there is no open run ${wanted}: switchyard blocks lists them`);
  }
  const refused = surveys.flatMap((survey) => refusal(survey) ?? []);
  if (wanted !== undefined && refused[0] !== undefined) throw misuse(refused[0]);
  const told: Told[] = [];
  for (const survey of surveys.filter(({ engine }) => engine === 'gone')) {
    const one = await cleanOne(survey, options);
    told.push(one);
    if (!json) say(doneText(one, options.dryRun === true));
    if (one.left.length > 0 && !options.dryRun) warn(leftText(one));
  }
  for (const text of refused) warn(text);
  if (json) say(JSON.stringify({ dryRun: options.dryRun === true, runs: told }));
  else if (told.length === 0) say('no run has left blocks behind');
  return !options.dryRun && told.some(({ left }) => left.length > 0) ? EXIT_UNAVAILABLE : EXIT_OK;
}

interface Told {
  readonly run: string;
  /** By the names of their jobs. */
  readonly ended: readonly string[];
  readonly left: readonly string[];
  readonly problem?: string | undefined;
}

async function cleanOne(survey: RunSurvey, { dryRun, wait }: CleanOptions): Promise<Told> {
  const { run: { name: run }, blocks } = survey;
  if (dryRun) return { run, ended: [], left: blocks.filter(({ ended }) => !ended).map(({ record }) => record.name) };
  const cleaned = await endRun(survey, systemClock, wait);
  if (cleaned === undefined) return { run, ended: [], left: [], problem: 'another process has just taken it over' };
  const names = (records: readonly { readonly name: string }[]): string[] => records.map(({ name }) => name);
  return { run, ended: names(cleaned.ended), left: names(cleaned.left), problem: cleaned.problem };
}

function doneText({ run, ended, left, problem }: Told, dryRun: boolean): string {
  if (dryRun) return `${run}: would end ${several(left.length, 'block')}${left.map((name) => `\n  ${name}`).join('')}`;
  return `${run}: ${several(ended.length, 'block')} ended${problem === undefined ? '' : ` (${problem})`}`;
}

/** Why a run's blocks are not ended here. */
function refusal({ run: { name }, owner, engine }: RunSurvey): string | undefined {
  switch (engine) {
    case 'gone': return undefined;
    case 'alive': return `${name} is running, as process ${owner?.pid}: end that process, and its blocks end with it`;
    case 'elsewhere':
      return `${name} was started on ${owner?.host}, where process ${owner?.pid} may have it still: run this there`;
    default: return undefined;
  }
}

function leftText({ run, left }: Told): string {
  return `${run}: ${several(left.length, 'block')} could not be ended in time: run this again, or ask the scheduler`;
}

function tellProblems(surveys: readonly RunSurvey[]): void {
  for (const { run, problem } of surveys) {
    if (problem !== undefined) warn(`${run.name}: its scheduler could not be asked: ${problem}`);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function warn(text: string): void {
  process.stderr.write(`switchyard blocks: ${text}\n`);
}
