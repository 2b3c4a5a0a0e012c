// `switchyard` as a person at a terminal sees it: util-linux's `script` is the terminal.

import { spawn } from 'node:child_process';
import { homeIn, MAIN, type StartOptions } from './command.ts';

/** Ends with its block, at the latest. */
export interface TerminalSession extends AsyncDisposable {
  /** All that was shown so far, with what steers a terminal. */
  text(): string;
  type(keys: string): void;
  /** Its exit status. */
  readonly ended: Promise<number | null>;
}

/** `words`: what a shell is told after `switchyard`. */
export function atTerminal(words: string, { cwd, env }: StartOptions): TerminalSession {
  const command = `exec ${process.execPath} ${MAIN} ${words}`;
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    cwd, env: { ...homeIn(cwd), ...env, SHELL: '/bin/sh', TERM: 'xterm' }, detached: true, stdio: 'pipe',
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { shown += text; });
  child.stdin.on('error', () => { /* it has ended */ });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (cause) => {
      reject(new Error('there is no `script`: install util-linux (on Debian, bsdutils)', { cause }));
    });
  });
  ended.catch(() => { /* whoever wants to know awaits it */ });
  return {
    text: () => shown, type: (keys) => { child.stdin.write(keys); }, ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM'); // told so, it hangs up on what it runs
      await ended.catch(() => { /* it never was */ });
    },
  };
}
