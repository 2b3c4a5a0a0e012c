import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import fc from 'fast-check';
import { END_LINE, readReply, remoteScript } from '../../../../providers/host/remote-script.ts';

// A shell that reads its stdin in blocks, where /bin/sh is dash, and one that reads it byte by byte.
const SHELLS = ['/bin/sh', '/bin/bash'];

/** Runs a script as a host would, in a session of its own. Its stdin stays open; `end` gets it when the mark is out. */
async function run(shell: string, script: string, end?: (stdin: NodeJS.WritableStream) => void) {
  const child = spawn(shell, ['-s'], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on('error', () => { /* it ended before it had read all */ });
  child.stdin.write(script);
  if (end !== undefined) child.stdout.once('data', () => end(child.stdin));
  const ended = once(child, 'exit');
  child.once('exit', () => child.stdin.end());
  await once(child, 'close');
  const [code, signal] = await ended;
  return { code, signal, stdout: Buffer.concat(chunks) };
}

test('any words and any environment reach the command as they are', async () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'));
  await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 5 }), word, async (words, value) => {
    const script = remoteScript(['sh', '-c', 'printf "%s|" "$VALUE" "$@"', 'sh', ...words], { VALUE: value }, 'mark');
    for (const shell of SHELLS) {
      const { stdout } = await run(shell, script);
      const reply = readReply(stdout, Buffer.from('mark found\n'), 'mark');
      const expected = [value, ...words].map((one) => `${one}|`).join('');
      assert.deepEqual(reply, { type: 'answer', stdout: expected, stderr: '' });
    }
  }), { numRuns: 20 });
});

test('a command ends when it is told to, or when its leash is cut', async () => {
  for (const shell of SHELLS) {
    const script = remoteScript(['sleep', '375'], {}, 'mark');
    const told = await run(shell, script, (stdin) => stdin.write(END_LINE));
    const cut = await run(shell, script, (stdin) => stdin.end());
    assert.deepEqual([told.code, told.signal, cut.code, cut.signal], [null, 'SIGKILL', null, 'SIGKILL'], shell);
  }
});

test('a reply begins after its mark', () => {
  const read = (out: string, err: string): unknown => readReply(Buffer.from(out), Buffer.from(err), 'm');
  assert.deepEqual(read('hello\nm found\nout\n', 'motd\nm found\nerr'),
    { type: 'answer', stdout: 'out\n', stderr: 'err' });
  assert.deepEqual(read('m absent\n', 'm absent\n'), { type: 'absent' });
  assert.deepEqual(read('no\n  entry', 'go\naway'), { type: 'unstarted', said: 'go away no entry' });
  assert.deepEqual(read('m found', ''), { type: 'unstarted', said: 'm found' });
});
