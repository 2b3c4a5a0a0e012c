import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jobName } from '../../../providers/job-name.ts';

test('a job is called what was wanted, with a mark of its folder', () => {
  assert.match(jobName('switchyard.htex.block-12', '/runs/1', 64), /^switchyard\.htex\.block-12\.[0-9a-f]{8}$/);
  assert.match(jobName(`it's "$HOME"`, '/runs/1', 64), /^it_s___HOME_\.[0-9a-f]{8}$/);
  assert.match(jobName('7up', '/runs/1', 64), /^b7up\.[0-9a-f]{8}$/);
});

test('where names are short the block\'s number stays', () => {
  assert.match(jobName('switchyard.htex.block-12', '/runs/1', 15), /^b.*12\.[0-9a-f]{8}$/);
});

test('the same block of another run has another name', () => {
  assert.notEqual(jobName('block-0', '/runs/1', 64), jobName('block-0', '/runs/2', 64));
  assert.equal(jobName('block-0', '/runs/1', 64), jobName('block-0', '/runs/1', 64));
});

test('a name is one plain word that begins with a letter and is not too long', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.integer({ min: 15, max: 64 }),
    (wanted, folder, charsMax) => {
      const name = jobName(wanted, folder, charsMax);
      assert.match(name, /^[A-Za-z][A-Za-z0-9_.-]*$/);
      assert.ok(name.length <= charsMax, name);
    }));
});
