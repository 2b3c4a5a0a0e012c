import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userEndpointName } from '../../../src/cli/user-endpoint-words.ts';

test('a user endpoint is called for in two ways, and by both programs', () => {
  const name = 'uep.a.b';
  assert.equal(userEndpointName('switchyard-endpoint', ['_start-user-endpoint', name]), name);
  assert.equal(userEndpointName('switchyard-endpoint', ['start', name, '--die-with-parent', 'more']), name);
  assert.equal(userEndpointName('main.js', ['endpoint', '_start-user-endpoint', name, '--debug']), name);
  assert.equal(userEndpointName('switchyard-endpoint', ['_start-user-endpoint']), '');
  for (const option of [['-c', '/d'], ['--config-dir', '/d'], ['--config-dir=/d'], ['-c/d']]) {
    assert.equal(userEndpointName('switchyard-endpoint', [...option, '_start-user-endpoint', name]), name);
    assert.equal(userEndpointName('main.js', ['endpoint', ...option, '_start-user-endpoint', name]), name);
    assert.equal(userEndpointName('switchyard-endpoint', ['_start-user-endpoint', ...option, name]), name);
  }
  for (const argv of [['start', name], ['endpoint', 'start', name], ['_start-user-endpoint', name], [], ['run']]) {
    assert.equal(userEndpointName('switchyard', argv), undefined);
  }
  assert.equal(userEndpointName('switchyard-endpoint', ['start', name]), undefined);
});
