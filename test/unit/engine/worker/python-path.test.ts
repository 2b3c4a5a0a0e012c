import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPython } from '../../../../engine/worker/python-path.ts';

const among = (...files: string[]) => (file: string): boolean => files.includes(file);

test('the first folder of the PATH that has a Python decides, whatever it is called there', () => {
  const system = ['/usr/bin/python3', '/usr/bin/python3.11'];
  assert.equal(findPython('/venv/bin:/usr/bin', among('/venv/bin/python', ...system)), '/venv/bin/python');
  assert.equal(findPython('/venv/bin:/usr/bin', among('/venv/bin/python', '/venv/bin/python3', ...system)),
    '/venv/bin/python3');
  assert.equal(findPython('/bin:/usr/bin', among(...system)), '/usr/bin/python3');
});

test('there may be none; empty parts of the PATH, which would be the working directory, do not count', () => {
  assert.equal(findPython('/bin', among('/usr/bin/python3')), undefined);
  assert.equal(findPython('', () => true), undefined);
  assert.equal(findPython(':/bin:', among('python3', '/bin/python3')), '/bin/python3');
});
