// A line from whoever is at the terminal, or from what is piped in. What is asked goes to standard error: standard
// output is for answers.

import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** undefined: there was none. */
export async function ask(question: string): Promise<string | undefined> {
  return await lineFrom(question, process.stderr);
}

/** What is typed is not shown. */
export async function askSecret(question: string): Promise<string | undefined> {
  const isTerminal = process.stdin.isTTY;
  if (isTerminal) process.stderr.write(question);
  const line = await lineFrom('', new Writable({ write: (_chunk, _encoding, done) => { done(); } }));
  if (isTerminal) process.stderr.write('\n');
  return line;
}

export async function confirmed(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N]: `) ?? '');
}

/** The terminal's own echo is off while a line editor has it: the editor echoes to `echo`. */
function lineFrom(question: string, echo: Writable): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: echo, terminal: process.stdin.isTTY });
  return new Promise((resolve) => {
    let line: string | undefined;
    lines.once('line', (text) => {
      line = text.trim();
      lines.close();
    });
    // Also what ends when somebody presses Ctrl-C or Ctrl-D in it.
    lines.once('close', () => {
      // Whoever holds the other end of a pipe open must not hold us. A file has no such method.
      if (process.stdin instanceof Socket) process.stdin.unref();
      resolve(line === '' ? undefined : line);
    });
    lines.setPrompt(question);
    lines.prompt();
  });
}
