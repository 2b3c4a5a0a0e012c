// What the stand-in's server remembers, all of it in one file, `state.json` in its folder. Times are epoch seconds.

export interface Node {
  readonly name: string;
  ncpus: number;
  up: boolean;
}

export interface Queue {
  enabled: boolean;
  started: boolean;
  /** Whether our user may submit to it. */
  allowed: boolean;
  queuedMax?: number;
  runningMax?: number;
  ncpusMax?: number;
  walltimeMaxS?: number;
}

/**
 * up: it answers. down: connections are refused. hung: clients wait. mute: it does what it is asked for and does not
 * answer, so that a client that waits in vain may have queued a job.
 */
export type Health = 'up' | 'down' | 'hung' | 'mute';

export interface Settings {
  health: Health;
  scheduling: boolean;
  history: boolean;
  readonly server: string;
  readonly user: string;
  readonly home: string;
  nodes: Node[];
  queues: Record<string, Queue>;
  readonly defaultQueue: string;
  /** Added to every job's environment, beside what PBS gives it. */
  readonly environment: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL. */
  readonly killDelayMs: number;
  /** How often walltimes are looked at. */
  readonly walltimeLookMs: number;
  /** How long a job stays in E. */
  exitingMs: number;
}

/** An attribute's value that has resources: name and value, in the order they are printed. */
export type Resources = Record<string, string>;

export interface Job {
  readonly number: number;
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  state: string;
  substate: number;
  queue: string;
  readonly account?: string;
  readonly ctime: number;
  mtime: number;
  etime?: number;
  stime?: number;
  obittime?: number;
  readonly executionTime?: number;
  readonly errorPath: string;
  readonly outputPath: string;
  readonly joinPath: string;
  execHost?: string;
  execVnode?: string;
  holdTypes: string;
  readonly rerunable: boolean;
  readonly resources: Resources;
  used?: Resources;
  sessionId?: number;
  jobdir?: string;
  /** Each value as the server keeps it: commas, quotes and backslashes with a backslash before them. */
  readonly variables: Record<string, string>;
  comment?: string;
  runCount: number;
  stageout?: boolean;
  exitStatus?: number;
  readonly submitArguments: string;
  readonly command?: readonly string[];
  historyTime?: number;
  /** The process that runs it. */
  mom?: { readonly pid: number };
  /** Who ordered its end, while it runs. */
  deletedBy?: string;
}

export interface State {
  settings: Settings;
  nextNumber: number;
  jobs: Record<string, Job>;
}

const queue = (): Queue => ({ enabled: true, started: true, allowed: true });

/** The cluster of the recordings: two nodes with two cpus, five queues, one user. */
export function recordedSite(): Settings {
  return {
    health: 'up', scheduling: true, history: true, server: 'pbshead', user: 'alice', home: '/home/alice',
    nodes: [{ name: 'p1', ncpus: 2, up: true }, { name: 'p2', ncpus: 2, up: true }],
    queues: {
      workq: queue(),
      small: { ...queue(), queuedMax: 3, runningMax: 2, ncpusMax: 2, walltimeMaxS: 600 },
      disabled: { ...queue(), enabled: false },
      stopped: { ...queue(), started: false },
      restricted: { ...queue(), allowed: false },
    },
    defaultQueue: 'workq', environment: {}, killDelayMs: 10_000, walltimeLookMs: 10_000, exitingMs: 0,
  };
}
