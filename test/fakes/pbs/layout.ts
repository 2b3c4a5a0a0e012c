// A job as qstat prints it: in columns, long with folded lines, or as a JSON document. Byte for byte what the recorded
// version prints.

import type { Job, Resources } from './records.ts';

type Attribute = readonly [name: string, value: string | number | Resources];

/** In the order of the recordings; what a job does not have is left out. */
export function attributesOf(job: Job, server: string): Attribute[] {
  const known: readonly (readonly [string, string | number | Resources | undefined])[] = [
    ['Job_Name', job.name], ['Job_Owner', `${job.owner}@${server}`], ['resources_used', job.used],
    ['job_state', job.state], ['queue', job.queue], ['server', server], ['Account_Name', job.account],
    ['Checkpoint', 'u'], ['ctime', time(job.ctime)], ['Error_Path', job.errorPath],
    ['exec_host', job.execHost], ['exec_vnode', job.execVnode], ['Execution_Time', time(job.executionTime)],
    ['Hold_Types', job.holdTypes], ['Join_Path', job.joinPath], ['Keep_Files', 'n'],
    ['Mail_Points', 'a'], ['mtime', time(job.mtime)], ['Output_Path', job.outputPath], ['Priority', 0],
    ['qtime', time(job.ctime)], ['Rerunable', job.rerunable ? 'True' : 'False'], ['Resource_List', job.resources],
    ['stime', time(job.stime)], ['obittime', time(job.obittime)], ['session_id', job.sessionId],
    ['jobdir', job.jobdir], ['substate', job.substate], ['Variable_List', job.variables], ['comment', job.comment],
    ['etime', time(job.etime)], ['run_count', job.runCount === 0 ? undefined : job.runCount],
    ['Stageout_status', job.stageout === true ? 1 : undefined], ['Exit_status', job.exitStatus],
    ['Submit_arguments', job.submitArguments], ['executable', tagged('Executable', job.command?.slice(0, 1))],
    ['argument_list', tagged('Argument', job.command?.slice(1))], ['history_timestamp', job.historyTime],
    ['project', '_pbs_project_default'], ['Submit_Host', server],
  ];
  return known.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function tagged(tag: string, words: readonly string[] | undefined): string | undefined {
  if (words === undefined || words.length === 0) return undefined;
  const escaped = words.map((word) => word.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'));
  return escaped.map((word) => `<jsdl-hpcpa:${tag}>${word}</jsdl-hpcpa:${tag}>`).join('');
}

/** As ctime(3) does, in the time zone of the environment. */
export function time(epochS: number | undefined): string | undefined {
  if (epochS === undefined) return undefined;
  const [day, month, date, year, clock] = new Date(epochS * 1000).toString().split(' ');
  return `${day} ${month} ${(date ?? '').replace(/^0/, ' ')} ${clock} ${year}`;
}

/** `qstat -f`. */
export function long(job: Job, server: string): string {
  const lines = attributesOf(job, server).flatMap(([name, value]) => {
    if (typeof value !== 'object') return [folded(name, String(value))];
    const entries = Object.entries(value);
    if (name === 'Variable_List') return [folded(name, entries.map(([key, one]) => `${key}=${one}`).join(','))];
    return entries.map(([resource, one]) => folded(`${name}.${resource}`, one));
  });
  return `Job Id: ${job.id}\n${lines.join('\n')}\n\n`;
}

const COLUMNS = 78;

/** Folds at commas where a piece fits into a line, and anywhere in a piece that does not. Counts bytes, not letters. */
function folded(name: string, value: string): string {
  let line = `    ${name} = `;
  let column = Buffer.byteLength(name) + 7;
  const pieces = Buffer.from(value).toString('latin1').split(',').filter((piece) => piece !== '');
  for (const [n, piece] of pieces.entries()) {
    if (column + piece.length < COLUMNS) {
      line += piece;
      column += piece.length;
    } else {
      if (n > 0) {
        line += '\n\t';
        column = 9;
      }
      for (const letter of piece) {
        line += letter;
        column += 1;
        if (column > COLUMNS) {
          line += '\n\t';
          column = 8;
        }
      }
    }
    if (n < pieces.length - 1) line += ',';
  }
  return Buffer.from(line, 'latin1').toString();
}

/** `qstat -f -F json`. Without jobs there is no "Jobs". */
export function json(jobs: readonly Job[], server: string): string {
  const document = {
    timestamp: Math.floor(Date.now() / 1000), pbs_version: '23.06.06', pbs_server: server,
    ...jobs.length === 0 ? {} : { Jobs: Object.fromEntries(jobs.map((job) => [job.id, jsonJob(job, server)])) },
  };
  return `${JSON.stringify(document, null, '\t').replace(/^(\t+"(?:[^"\\]|\\.)*":) /gm, '$1\t')}\n`;
}

function jsonJob(job: Job, server: string): Record<string, unknown> {
  return Object.fromEntries(attributesOf(job, server).map(([name, value]) => [name, typeof value === 'object'
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, guessed(one.replaceAll('\\,', ','))]))
    : value]));
}

/** qstat takes a value for a number or a literal when it looks like one. */
function guessed(value: string): unknown {
  if (/^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(value)) return Number(value);
  return value === 'true' ? true : value === 'false' ? false : value === 'null' ? null : value;
}

const HEADER = 'Job id            Name             User              Time Use S Queue\n'
  + '----------------  ---------------- ----------------  -------- - -----\n';

/** `qstat`. */
export function short(jobs: readonly Job[]): string {
  const lines = jobs.map(({ id, name, owner, used, state, queue }) => {
    const shown = name.length >= 16 ? `${name.slice(0, 15)}*` : name;
    const cpu = (used?.['cput'] ?? '0').padStart(8);
    return `${id.padEnd(17)} ${shown.padEnd(16)} ${owner.padEnd(16)}  ${cpu} ${state} ${queue.padEnd(16)}\n`;
  });
  return jobs.length === 0 ? '' : HEADER + lines.join('');
}

