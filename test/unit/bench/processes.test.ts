import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { childrenOf, familyOf, processesOf } from '../../../bench/processes.ts';

test('a process is found with its children and theirs, and by its owner', async () => {
  const shell = spawn('sh', ['-c', 'sh -c "echo up; read line; exit" ; true'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(shell.stdout, 'data');
  const { pid = 0 } = shell;
  const [inner = 0, ...others] = childrenOf(pid);
  assert.deepEqual([others, familyOf(pid)], [[], [pid, inner]]);
  assert.ok(childrenOf(process.pid).includes(pid));
  const own = processesOf(process.getuid?.() ?? 0);
  assert.ok([process.pid, pid, inner].every((one) => own.includes(one)));
  shell.stdin.end('\n');
  await once(shell, 'exit');
  assert.deepEqual(childrenOf(pid), []);
});
