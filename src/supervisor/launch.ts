// The command line that becomes a user endpoint, and what its end means when it never came to be one.

import { constants } from 'node:os';
import type { Account } from './accounts.ts';
import { shown, shownLines } from './audit.ts';
import type { Environment } from './environment.ts';

export const SETPRIV = '/usr/bin/setpriv';
const SHELL = '/bin/sh';
/** What the field's administrators put a wrapper script of theirs in the place of. */
export const PROGRAM = 'switchyard-endpoint';
const COMMAND = '_start-user-endpoint';
/** To the system's calls it means that nothing is to be changed. */
const NO_ID = 2 ** 32 - 1;

/** Steps of a start that can fail here, by the exit code that the field gives them. */
export const STEP_FILES = 70;
const STEP_GROUP = 71;
const STEP_GROUPS = 72;
const STEP_USER = 73;
const STEP_PRIVILEGES = 74;
export const STEP_ENVIRONMENT = 76;
export const STEP_EXECUTE = 87;
/** None of the field's, which waits for ever: as timeout(1) has it. */
export const STEP_UP = 124;

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  /** As administrators know it: the user endpoint's own command. */
  readonly shown: string;
}

/** Why a start did not become a user endpoint. */
export interface StartFailure {
  /** The exit code of the step that failed. */
  readonly step: number;
  /** Python's name for the kind of failure, which users of the field know. */
  readonly error: string;
  readonly message: string;
  /** For the log alone. */
  readonly detail?: string;
}

/** A start that failed before there was a process. */
export class StartFailed extends Error {
  readonly failure: StartFailure;

  constructor(failure: StartFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

// Run as the user, in a directory that may not be his, or not be there. The program is the last thing that it becomes.
// That will hold credentials, so its memory is not written to a file when it crashes; who wants this of his tasks says
// `ulimit -S -c` in worker_init.
const AS_USER = `ulimit -S -c 0; cd -- "$1" 2>/dev/null || cd /; unset OLDPWD; shift; \
command -v -- "$1" >/dev/null 2>&1 || exit ${STEP_EXECUTE}; exec "$@"`;

/** `becomes`: whether it runs as another user than we do. `ownProgram` is used where PATH has no other. */
export function launchOf(
  { account, name, args, environment, becomes, ownProgram }: {
    readonly account: Account; readonly name: string; readonly args: readonly string[];
    readonly environment: Environment; readonly becomes: boolean;
    readonly ownProgram: readonly [string, ...string[]] | undefined;
  },
): Launch {
  const command = [...ownProgram ?? [PROGRAM], COMMAND, name, ...args];
  const directory = [environment['CWD'], account.directory].find((one) => one?.startsWith('/')) ?? '/';
  return {
    file: SETPRIV,
    args: [...becomes ? becoming(account) : [], '--pdeathsig', 'TERM', '--', SHELL, '-c', AS_USER, 'sh', directory,
      ...command],
    environment, shown: shown([PROGRAM, COMMAND, name, ...args].join(' ')),
  };
}

// The groups by number, as they were looked up with the account: a second look-up might find others.
function becoming({ uid, gid, groups }: Account): string[] {
  for (const id of [uid, gid, ...groups]) {
    if (!Number.isInteger(id) || id < 0 || id >= NO_ID) throw new RangeError(`${id} is no user's or group's id`);
  }
  if (uid === 0) throw new RangeError('nobody is started as root');
  return [
    '--reuid', String(uid), '--regid', String(gid),
    ...groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')],
    '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs',
  ];
}

export interface EndedEarly {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote. */
  readonly stderr: string;
}

/** Of a process that ended, or was ended, before it said how its start went. */
export function failureOf({ code, signal, stderr }: EndedEarly, path: string): StartFailure {
  const said = stderr.trim();
  if (signal !== null) {
    return {
      step: 128 + constants.signals[signal], error: 'ChildProcessError',
      message: `the user endpoint was ended by ${signal} before it was up${lastWords(said)}`,
    };
  }
  if (said.startsWith('setpriv: ')) return ofSetpriv(said);
  if (code === STEP_EXECUTE || code === 126 || code === 127) {
    return {
      step: STEP_EXECUTE, error: 'FileNotFoundError',
      message: `[Errno 2] No such file or directory: '${PROGRAM}' (PATH: ${shown(path)})`,
    };
  }
  return {
    step: code ?? 1, error: 'ChildProcessError',
    message: `the user endpoint's program ended before the user endpoint was up${lastWords(said)}`,
  };
}

/** Its texts may be translated; the names of the system's calls are not. */
function ofSetpriv(said: string): StartFailure {
  const step = /setresgid|regid/.test(said) ? STEP_GROUP : /setgroups|initgroups|groups/.test(said) ? STEP_GROUPS
    : /setresuid|reuid/.test(said) ? STEP_USER : STEP_PRIVILEGES;
  return { step, error: 'PermissionError', message: shown(said.split('\n')[0] ?? '') };
}

function lastWords(said: string): string {
  if (said === '') return '';
  return `; its last words:\n${shownLines(said.split('\n').slice(-5).join('\n'))}`;
}

/** What the user is told. */
export function failureText(user: string, { step, error, message }: StartFailure): string {
  return `Unable to start user endpoint process for ${user} [exit code: ${step}; (${error}) ${message}]`;
}
