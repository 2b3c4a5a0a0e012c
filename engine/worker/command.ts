// A shell command as a task: `{}` is replaced by the arguments, output is kept up to a bound, and the command with all
// its children is one process group, so that nothing of it outlives a timeout.

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { ComputeError } from '../../src/common/errors.ts';
import { killGroup } from '../../src/common/exec.ts';
import type { CommandResult, FunctionDefinition } from '../../src/common/protocol.ts';
import { quote } from '../../src/common/quote.ts';
import { notePath } from './environment.ts';
import type { TaskContext } from './context.ts';

type CommandDefinition = Extract<FunctionDefinition, { form: 'command' }>;

/** Between the polite signal and the other one. */
const KILL_AFTER_MS = 2000;
/** For the last output of a command that has ended. */
const OUTPUT_WAIT_MS = 1000;
/** The scheduler's SIGTERM may end a command before the manager has heard of its own. */
const TERMINATED_WAIT_MS = 1000;
/** A command that has its own way to end at a SIGTERM took some time for it. */
const FAILED_WAIT_MS = 20;
const TERMINATED_LOOK_MS = 5;
const SIGTERM_STATUS = 143;
/**
 * The command notes its own process group for whoever may have to clean up, and then begins: were it noted by this
 * process, a kill in between would leave a command that nobody knows of.
 */
const NOTE_AND_RUN = 'printf "%s %s" "$$" "$3" >"$2" && exec /bin/sh -c "$1"';

export async function runCommand(
  definition: CommandDefinition, args: readonly unknown[], context: TaskContext,
): Promise<CommandResult> {
  const text = fill(definition.command, args);
  if (!context.memory.beginCommand(context.index)) {
    throw new ComputeError('TASK_CANCELLED', 'the command was not started');
  }
  const note = notePath(context.slot);
  const child = spawn('/bin/sh', ['-c', NOTE_AND_RUN, 'sh', text, note, hostname()], {
    cwd: definition.cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
  });
  context.memory.commandGroup = child.pid ?? 0;
  const stdout = capture(child.stdout, definition.outputBytesMax);
  const stderr = capture(child.stderr, definition.outputBytesMax);
  let timedOut = false;
  const timers: NodeJS.Timeout[] = [];
  const signalAfter = (ms: number, signal: NodeJS.Signals): void => {
    timers.push(setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) killGroup(child.pid, signal);
    }, ms));
  };
  if (context.timeoutMs > 0) {
    signalAfter(context.timeoutMs, 'SIGTERM');
    signalAfter(context.timeoutMs + KILL_AFTER_MS, 'SIGKILL');
  }
  let code: number | null;
  let signal: NodeJS.Signals | null;
  try {
    [code, signal] = await ended(child, definition);
    if (timedOut) {
      const message = `the command ran longer than ${context.timeoutMs / 1000} s and was ended`;
      throw new ComputeError('TASK_TIMEOUT', message, {
        details: { stdout: stdout.text(), stderr: stderr.text() },
      });
    }
  } finally {
    for (const timer of timers) clearTimeout(timer);
    context.memory.commandGroup = 0;
    rmSync(note, { force: true });
  }
  if (code !== 0) await unlessTerminated(signal === 'SIGTERM' || code === SIGTERM_STATUS, context);
  return {
    exitCode: code, signal, stdout: stdout.text(), stderr: stderr.text(),
    truncated: stdout.truncated() || stderr.truncated(),
  };
}

/**
 * Waits for ever where the scheduler is ending the block: it has told the command, too, so that the failure is not the
 * task's, and the manager is about to hand the task back.
 */
async function unlessTerminated(told: boolean, { memory }: TaskContext): Promise<void> {
  for (const end = performance.now() + (told ? TERMINATED_WAIT_MS : FAILED_WAIT_MS); ;) {
    if (memory.terminated) await new Promise(() => { /* the manager ends this thread */ });
    if (performance.now() >= end) return;
    await new Promise((resolve) => setTimeout(resolve, TERMINATED_LOOK_MS));
  }
}

/** Its exit, once all that it wrote is read. What it left behind is killed: a slot is free when nothing runs in it. */
function ended(
  child: ReturnType<typeof spawn>, definition: CommandDefinition,
): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new ComputeError('COMMAND_FAILED', `could not start a shell in ${definition.cwd}`, { cause }));
    });
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
      // A child that left the group may hold the pipes open for ever; the task does not wait for it.
      const timer = setTimeout(() => resolve([code, signal]), OUTPUT_WAIT_MS);
      child.once('close', () => {
        clearTimeout(timer);
        resolve([code, signal]);
      });
    });
  });
}

/** Each `{}` takes the next argument, the last one again and again; without any `{}` they are appended. */
function fill(template: string, args: readonly unknown[]): string {
  const words = args.map((arg) => quote(typeof arg === 'string' ? arg : JSON.stringify(arg) ?? ''));
  if (!template.includes('{}')) return [template, ...words].join(' ');
  let at = 0;
  return template.replaceAll('{}', () => words[Math.min(at++, words.length - 1)] ?? '');
}

/** Keeps the first half and the last half of what would be too much. */
function capture(stream: NodeJS.ReadableStream, bytesMax: number): { text: () => string; truncated: () => boolean } {
  const half = Math.floor(bytesMax / 2);
  const head: Buffer[] = [];
  let headBytes = 0;
  let tail: Buffer[] = [];
  let tailBytes = 0;
  let cut = 0;
  stream.on('data', (data: Buffer) => {
    let chunk = data;
    if (headBytes < half) {
      const first = chunk.subarray(0, half - headBytes);
      head.push(first);
      headBytes += first.length;
      chunk = chunk.subarray(first.length);
    }
    if (chunk.length === 0) return;
    tail.push(chunk);
    tailBytes += chunk.length;
    if (tailBytes > 2 * half) {
      const all = Buffer.concat(tail);
      cut += all.length - half;
      tail = [Buffer.from(all.subarray(all.length - half))];
      tailBytes = half;
    }
  });
  const excess = (): number => cut + Math.max(0, tailBytes - half);
  return {
    truncated: () => excess() > 0,
    text: () => {
      const end = Buffer.concat(tail);
      const missing = excess();
      const kept = end.subarray(Math.max(0, end.length - half)).toString('utf8');
      const start = Buffer.concat(head).toString('utf8');
      return missing === 0 ? start + kept : `${start}\n… ${missing} bytes cut …\n${kept}`;
    },
  };
}
