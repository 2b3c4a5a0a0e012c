import { spawn } from 'node:child_process';
import { ComputeError } from './errors.ts';
import { quoteAll } from './quote.ts';

export interface Output {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  readonly timeoutMs: number;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of each of its two outputs; what is more is cut. */
  readonly outputBytesMax?: number | undefined;
}

/** What one command may print; past that it is cut, as nothing of ours reads more. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** What was killed is gone within that, or cannot be: it is not waited for any longer. */
const KILLED_MS = 1_000;

/**
 * Runs a command in its own process group and waits for its end. A non-zero exit is an answer, not an error; a command
 * that cannot start, runs past its time or is aborted is killed with all its children and throws COMMAND_FAILED. Of one
 * that could not even start, the error's details say `started: false`, and `refused: true` if it never will: it is not
 * there, or nobody may run it.
 */
export async function exec(argv: readonly [string, ...string[]], options: ExecOptions): Promise<Output> {
  const [file, ...args] = argv;
  const child = spawn(file, args, { cwd: options.cwd, env: options.env, detached: true, stdio: 'pipe' });
  const { outputBytesMax = OUTPUT_BYTES_MAX } = options;
  const stdout = collect(child.stdout, outputBytesMax);
  const stderr = collect(child.stderr, outputBytesMax);
  child.stdin.on('error', () => { /* it closed its stdin early: its exit status tells the story */ });
  child.stdin.end(options.input ?? '');

  return new Promise((resolve, reject) => {
    let failure: ComputeError | undefined;
    const stop = (message: string, cause?: unknown): void => {
      const error = new ComputeError('COMMAND_FAILED', message, { cause, details: { command: quoteAll(argv) } });
      failure ??= error;
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
      // A child of its that left the group may hold its outputs open, and what hangs in the kernel cannot be killed.
      child.stdout.destroy();
      child.stderr.destroy();
      setTimeout(() => reject(error), KILLED_MS).unref();
    };
    const timer = setTimeout(() => stop(`${file} did not end within ${options.timeoutMs / 1000} s`), options.timeoutMs);
    const onAbort = (): void => stop(`${file} was interrupted`, options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const finish = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (cause: NodeJS.ErrnoException) => {
      finish();
      const refused = cause.code === 'ENOENT' || cause.code === 'EACCES';
      const details = { command: quoteAll(argv), started: false, ...refused ? { refused } : {} };
      reject(new ComputeError('COMMAND_FAILED', `could not start ${file}`, { cause, details }));
    });
    child.once('close', (code, signal) => {
      finish();
      if (failure === undefined) resolve({ code, signal, stdout: stdout(), stderr: stderr() });
      else reject(failure);
    });
    if (options.signal?.aborted) onAbort();
  });
}

/** Signals a whole process group. False when nothing of it is left. */
export function killGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false; // ESRCH: it is gone, which is what was wanted
  }
}

function collect(stream: NodeJS.ReadableStream, bytesMax: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < bytesMax) chunks.push(chunk.subarray(0, bytesMax - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
