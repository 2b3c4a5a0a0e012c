// What the stand-in's server does with its jobs: choose nodes, start, end. Changes the state it is given; starting a
// job's process is left to whoever wrote the state.

import type { Job, Node, Queue, State } from './records.ts';

export function now(): number {
  return Math.floor(Date.now() / 1000);
}

interface Chunk {
  readonly ncpus: number;
  readonly host: string | undefined;
  /** As in exec_vnode: ':mem=20480kb'. */
  readonly more: string;
}

export function chunksOf(select: string): Chunk[] {
  return select.split('+').flatMap((part) => {
    const [count = '1', ...resources] = part.split(':');
    const value = (name: string): string | undefined =>
      resources.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    const mem = value('mem');
    const more = mem === undefined ? '' : `:mem=${kilobytes(mem)}kb`;
    const chunk = { ncpus: Number(value('ncpus') ?? 1), host: value('host'), more };
    return Array.from({ length: Number(count) }, () => chunk);
  });
}

function kilobytes(text: string): number {
  const [, number = '0', unit = 'b'] = /^(\d+)(kb|mb|gb|b)$/.exec(text) ?? [];
  return Number(number) * (unit === 'gb' ? 1024 ** 2 : unit === 'mb' ? 1024 : 1);
}

/** One pass of the scheduler. Returns the jobs to start. */
export function schedule(state: State): Job[] {
  if (!state.settings.scheduling) return [];
  const queued = Object.values(state.jobs).filter((job) => job.state === 'Q').sort((a, b) => a.number - b.number);
  return queued.filter((job) => {
    const queue = state.settings.queues[job.queue];
    const placed = queue === undefined ? 'no queue' : place(state, job, queue);
    if (typeof placed === 'string') {
      job.comment = placed;
      return false;
    }
    run(job, placed);
    return true;
  });
}

/** A node for every chunk, or why not. */
function place(state: State, job: Job, queue: Queue): Node[] | string {
  if (!queue.started) return 'Not Running: Queue not started.';
  const running = Object.values(state.jobs).filter((other) => 'RES'.includes(other.state));
  if (running.filter((other) => other.queue === job.queue).length >= (queue.runningMax ?? Infinity)) {
    return `Not Running: User has reached queue ${job.queue} running job limit.`;
  }
  const chunks = chunksOf(job.resources['select'] ?? '1:ncpus=1');
  const up = state.settings.nodes.filter((node) => node.up);
  const wanted = chunks.reduce((sum, { ncpus }) => sum + ncpus, 0);
  const there = state.settings.nodes.reduce((sum, { ncpus }) => sum + ncpus, 0);
  if (wanted > there) {
    return `Can Never Run: Insufficient amount of resource: ncpus (R: ${wanted} A: ${there} T: ${there})`;
  }
  const free = new Map(up.map((node) => [node, node.ncpus - usedOn(node, running)]));
  const nodes: Node[] = [];
  for (const { ncpus, host } of chunks) {
    const scattered = job.resources['place'] === 'scatter';
    const fits = (node: Node): boolean => (free.get(node) ?? 0) >= ncpus && !(scattered && nodes.includes(node));
    if (host !== undefined && !up.some(({ name }) => name === host)) {
      return 'Not Running: Insufficient amount of resource: host ';
    }
    const node = up.find((one) => fits(one) && (host === undefined || host === one.name));
    if (node === undefined) return 'Not Running: Not enough free nodes available';
    free.set(node, (free.get(node) ?? 0) - ncpus);
    nodes.push(node);
  }
  return nodes;
}

function usedOn(node: Node, jobs: readonly Job[]): number {
  const chunks = jobs.flatMap((job) => chunksOf(job.resources['select'] ?? '')
    .filter((_, i) => nodesOf(job)[i] === node.name));
  return chunks.reduce((sum, { ncpus }) => sum + ncpus, 0);
}

/** The nodes of a job that was started, one for each chunk. */
export function nodesOf(job: Job): string[] {
  return (job.execHost ?? '').split('+').map((at) => at.replace(/\/.*$/, '')).filter((name) => name !== '');
}

function run(job: Job, nodes: readonly Node[]): void {
  const chunks = chunksOf(job.resources['select'] ?? '');
  const places = chunks.map((chunk, i) => ({ ...chunk, node: nodes[i]?.name ?? '' }));
  const at = new Date();
  const [day, month, date, , clock = ''] = at.toString().split(' ');
  job.execHost = places.map(({ node, ncpus }) => `${node}/0${ncpus > 1 ? `*${ncpus}` : ''}`).join('+');
  job.execVnode = places.map(({ node, ncpus, more }) => `(${node}:ncpus=${ncpus}${more})`).join('+');
  job.state = 'R';
  job.substate = 41;
  job.stime = job.mtime = now();
  job.runCount += 1;
  job.comment = `Job run at ${day} ${month} ${date} at ${clock.slice(0, 5)} on ${job.execVnode}`;
}

/** How a job that ran ended: by its script, by an order, or by its walltime. */
export function finish(state: State, job: Job, exitStatus: number): void {
  const cause = job.deletedBy !== undefined ? ` and terminated by ${job.deletedBy}`
    : exitStatus === -29 ? ' and exceeded resource walltime' : exitStatus === 0 ? ' and finished' : ' and failed';
  job.exitStatus = exitStatus;
  job.obittime = now();
  job.stageout = true;
  job.comment = `${job.comment ?? ''}${cause}`;
  toHistory(state, job, job.deletedBy !== undefined ? 91 : exitStatus === 0 ? 92 : 93);
}

/** A job that will never run any more. Without history it is forgotten. */
export function toHistory(state: State, job: Job, substate: number): void {
  job.state = 'F';
  job.substate = substate;
  job.mtime = job.historyTime = now();
  delete job.mom;
  if (!state.settings.history) delete state.jobs[job.id];
}

/** The power of a node goes off: jobs whose first node it was are lost or queued again. */
export function loseNode(state: State, name: string): Job[] {
  for (const node of state.settings.nodes) if (node.name === name) node.up = false;
  const lost = Object.values(state.jobs).filter((job) => 'RE'.includes(job.state) && nodesOf(job)[0] === name);
  for (const job of lost) {
    job.exitStatus = -20;
    job.obittime = job.mtime = now();
    delete job.used;
    delete job.sessionId;
    delete job.jobdir;
    if (job.rerunable) {
      Object.assign(job, { state: 'Q', substate: 10 });
      for (const key of ['execHost', 'execVnode', 'stime'] as const) delete job[key];
    } else {
      toHistory(state, job, 93);
    }
  }
  return lost;
}
