// Commands and files on a login node: a real sshd.

import assert from 'node:assert/strict';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { failure, isRunning, kill, linesOf, pause, until } from './harness.ts';
import { withLogin } from './sshd.ts';

const timeoutMs = 60_000;

test('a command gets its words as they are and says how it ended', () => withLogin(async (node) => {
  const words = ["it's", '$HOME', '', 'a\nb', '"', '\\', '!x', '*', '~', 'ü €'] as const;
  const said = await node.run(['printf', '%s|', ...words], { timeoutMs });
  assert.deepEqual(said, { code: 0, signal: null, stdout: words.map((word) => `${word}|`).join(''), stderr: '' });
  const failed = await node.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], { timeoutMs });
  assert.deepEqual(failed, { code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' });
  const killed = await node.run(['sh', '-c', 'kill -TERM $$'], { timeoutMs });
  assert.deepEqual(killed, { code: null, signal: 'SIGTERM', stdout: '', stderr: '' });
  assert.equal((await node.run(['cat'], { timeoutMs })).stdout, '', 'its stdin is empty');
}));

test('a command that is not there is named, and so is what to do', () => withLogin(async (node) => {
  const error = await failure('COMMAND_FAILED', node.run(['sbatch-of-nowhere'], { timeoutMs }));
  assert.match(error.message, /could not start sbatch-of-nowhere .*set PATH in the channel's envs/);
}));

test('envs are in the environment of commands', () => withLogin(async (node) => {
  const { stdout } = await node.run(['sh', '-c', 'echo "$GREETING $PATH"'], { timeoutMs });
  assert.equal(stdout, "it's you /usr/bin:/bin\n");
}, { channel: { envs: { GREETING: "it's you", PATH: '/usr/bin:/bin' } } }));

test('what the login shell prints is not the command\'s; a login shell that refuses is quoted', () =>
  withLogin(async (node, { server }) => {
    const { stdout, stderr } = await node.run(['echo', 'mine'], { timeoutMs });
    assert.deepEqual([stdout, stderr], ['mine\n', '']);
    assert.ok(server.port > 0);
  }, { lines: ['ForceCommand echo welcome; echo to you >&2; eval "$SSH_ORIGINAL_COMMAND"'] }));

test('a login shell that does not run the command is quoted', () => withLogin(async (node) => {
  const error = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs }));
  assert.match(error.message, /the login shell on 127\.0\.0\.1 did not run true but said: This account is closed/);
}, { lines: ['ForceCommand echo This account is closed; exit 1'] }));

test('a command that runs past its time is ended there, with its children', () => withLogin(async (node, { at }) => {
  await node.run(['true'], { timeoutMs }); // logging in takes its time
  const script = `sleep 371 & sleep 371 & echo $$ >${at('pids')}; jobs -p >>${at('pids')}; wait`;
  const error = await failure('COMMAND_FAILED', node.run(['bash', '-c', script], { timeoutMs: 4000 }));
  assert.match(error.message, /bash did not end within 4 s on 127\.0\.0\.1/);
  const pids = linesOf(at('pids')).map(Number);
  assert.equal(pids.length, 3);
  await until('their end', () => !pids.some(isRunning));
  assert.equal((await node.run(['echo', 'well'], { timeoutMs })).stdout, 'well\n', 'the connection is well');
}));

test('a child that holds the output of an ended command holds nobody up', () => withLogin(async (node, { at }) => {
  await node.run(['true'], { timeoutMs });
  const script = `sleep 372 & echo $! >${at('pid')}`;
  await failure('COMMAND_FAILED', node.run(['sh', '-c', script], { timeoutMs: 4000 }));
  kill(Number(linesOf(at('pid'))[0]), 'SIGKILL');
}));

test('what a command leaves in the background on purpose stays', () => withLogin(async (node, { at }) => {
  const script = `sleep 373 >/dev/null 2>&1 & echo $! >${at('pid')}`;
  await node.run(['sh', '-c', script], { timeoutMs });
  const pid = Number(linesOf(at('pid'))[0]);
  await pause(300);
  assert.ok(isRunning(pid));
  kill(pid, 'SIGKILL');
}));

test('output of any size arrives whole, up to the bound', () => withLogin(async (node) => {
  const large = await node.run(['sh', '-c', 'yes 0123456789abcde | head -c 8000000; head -c 3000000 /dev/zero >&2'],
    { timeoutMs });
  assert.equal(large.stdout.length, 8_000_000);
  assert.equal(large.stdout.slice(-16), '0123456789abcde\n');
  assert.equal(large.stderr, '\0'.repeat(3_000_000));
  const endless = await node.run(['sh', '-c', 'head -c 40000000 /dev/zero'], { timeoutMs });
  assert.ok(endless.stdout.length >= 16 * 1024 * 1024 && endless.stdout.length < 20_000_000);
}));

test('a command that did not get its turn in time was not begun', () => withLogin(async (node) => {
  const others = Array.from({ length: 8 }, () => node.run(['sleep', '3'], { timeoutMs }));
  const error = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs: 500 }));
  assert.equal(error.details?.['started'], false);
  assert.match(error.message, /busy with our other commands/);
  await Promise.all(others);
}));

test('many commands at once share one connection and the sessions that the server allows', () =>
  withLogin(async (node, { server }) => {
    const wanted = Array.from({ length: 40 }, (_, n) => `${n}\n`);
    const said = await Promise.all(wanted.map((word) => node.run(['printf', '%s', word], { timeoutMs: 60_000 })));
    assert.deepEqual(said.map(({ stdout }) => stdout), wanted);
    assert.equal(server.log().split('Accepted publickey').length - 1, 1);
  }));

for (const allowed of [1, 3]) {
  test(`a server that allows ${allowed} sessions only gets no more`, () => withLogin(async (node, { at }) => {
    const commands = Array.from({ length: 12 }, (_, n) =>
      node.run(['sh', '-c', `sleep 0.1; echo ${n}`], { timeoutMs }));
    await node.write(at('file'), 'x', 0o600);
    assert.deepEqual((await Promise.all(commands)).map(({ stdout }) => stdout.trim()), commands.map((_, n) => `${n}`));
  }, { lines: [`MaxSessions ${allowed}`] }));
}

test('files are written whole, with their mode, in private folders', () => withLogin(async (node, { at }) => {
  const path = at('a/b c/it\'s "ü"/file');
  const text = `\0\r\n€${'x'.repeat(300_000)}\u{1F600}`;
  await node.write(path, text, 0o600);
  assert.equal(await readFile(path, 'utf8'), text);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(at('a'))).mode & 0o777, 0o700);
  await node.write(path, '', 0o755);
  assert.equal(await readFile(path, 'utf8'), '');
  assert.equal((await stat(path)).mode & 0o777, 0o755);
  assert.deepEqual(await readdir(at('a/b c/it\'s "ü"')), ['file']);
  await node.remove(path);
  await node.remove(path);
  assert.deepEqual(await readdir(at('a/b c/it\'s "ü"')), []);
}));

test('a server without SFTP says so, and runs commands', () => withLogin(async (node, { at }) => {
  const error = await failure('STORAGE_FAILED', node.write(at('file'), 'x', 0o600));
  assert.match(error.message, /could not write .*: 127\.0\.0\.1 opened no session: .*subsystem/);
  assert.equal((await node.run(['echo', 'well'], { timeoutMs })).stdout, 'well\n');
}, { sftp: false }));

test('a file that cannot be written is named, with the reason', () => withLogin(async (node, { at }) => {
  await writeFile(at('file'), 'old');
  const error = await failure('STORAGE_FAILED', node.write(at('file/below'), 'x', 0o600));
  assert.match(error.message, /could not write .*file\/below on 127\.0\.0\.1/);
  assert.equal(await readFile(at('file'), 'utf8'), 'old');
}));

test('an excerpt is the text, or its beginning and its end, or nothing', () => withLogin(async (node, { at }) => {
  await writeFile(at('short'), 'all of it\n');
  await writeFile(at('long'), `first${'x'.repeat(500_000)}last`);
  assert.equal(await node.excerpt(at('short'), 100), 'all of it\n');
  const cut = await node.excerpt(at('long'), 200_000);
  assert.ok(cut.startsWith('first') && cut.endsWith('last') && cut.includes('\n…\n') && cut.length === 200_003);
  assert.equal(await node.excerpt(at('none'), 100), '');
  assert.equal(await node.excerpt(at('.'), 100), '');
}));
