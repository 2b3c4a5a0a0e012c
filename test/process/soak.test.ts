// The long run in short: see bench/soak.ts.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within, withRun } from './harness.ts';

const SOAK = fileURLToPath(new URL('../../bench/soak.js', import.meta.url));
const seed = Math.floor(Math.random() * 1e6);

test(`of 12,000 tasks that fail, die or are cancelled each ends once, as it must; nothing grows (SEED=${seed})`, () =>
  withRun(async () => {
    const child = spawn(process.execPath, [SOAK, '--tasks', '12000', '--window', '4000', '--seed', String(seed)],
      {
        stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '--max-old-space-size=80' },
      });
    let text = '';
    child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
    const [code] = await within(120_000, 'the soak', once(child, 'close')) as [number | null];
    const summary = JSON.parse(text) as { holds: boolean; outcomes: Record<string, number> };
    assert.ok(code === 0 && summary.holds, text);
    const { done = 0, RangeError: raised = 0, WORKER_LOST: lost = 0, TASK_CANCELLED: cancelled = 0 } = summary.outcomes;
    assert.equal(done + raised + lost + cancelled, 12_000);
    assert.ok(raised > 900 && lost > 60 && cancelled > 30, text);
  }));
