// The engine files that people start from are read as they are, comments and all.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseEngineConfig } from '../../../engine/config.ts';
import { isMapping } from '../../../src/common/schema.ts';
import { parseYaml } from '../../../src/common/yaml.ts';

for (const name of ['local', 'slurm']) {
  test(`examples/engines/${name}.yaml is an engine`, () => {
    const path = `../../../../examples/engines/${name}.yaml`;
    const parsed = parseYaml(readFileSync(new URL(path, import.meta.url), 'utf8'), path);
    assert.ok(isMapping(parsed));
    const { provider, notes } = parseEngineConfig(parsed['engine']);
    assert.equal(provider.type, name === 'local' ? 'LocalProvider' : 'SlurmProvider');
    assert.deepEqual(notes, []);
  });
}
