import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuSeconds, parseCpuTicks, parsePssKib, pssMib, threadCount } from '../../../bench/process-usage.ts';

test('the proportional set size is read from the kernel\'s summary', () => {
  const text = '55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:    41236 kB\nPss:    21504 kB\nPss_Dirty: 1 kB\n';
  assert.equal(parsePssKib(text), 21504);
});

test('processor time is found behind any command name', () => {
  const stat = '42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 11 0 100 1000 10';
  assert.equal(parseCpuTicks(stat), 300);
});

test('this process has memory, threads and has used its processor', () => {
  assert.ok(pssMib(process.pid) > 5);
  assert.ok(threadCount(process.pid) > 1);
  assert.ok(cpuSeconds(process.pid) > 0);
});
