import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownMemoryMiB } from '../../../../engine/worker/memory-watch.ts';

test('what a process alone can give back counts, in memory and swapped out; pages of files do not', () => {
  const status = `Name:\tRssAnon: 9 kB
VmPeak:\t 9999999 kB
VmRSS:\t  900000 kB
RssAnon:\t  204800 kB
RssFile:\t  600000 kB
RssShmem:\t   90000 kB
VmSwap:\t    1024 kB
`;
  assert.equal(ownMemoryMiB(status), 201);
  assert.equal(ownMemoryMiB('Name:\tzombie\nState:\tZ (zombie)\n'), 0);
});
