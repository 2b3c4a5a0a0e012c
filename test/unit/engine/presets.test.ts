// The engine files that people start from are read as they are, comments and all.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseEngineConfig } from '../../../engine/config.ts';
import { isMapping } from '../../../src/common/schema.ts';
import { parseYaml } from '../../../src/common/yaml.ts';

const PROVIDERS = { local: 'LocalProvider', slurm: 'SlurmProvider', pbs: 'PBSProProvider', mpi: 'SlurmProvider' };

for (const [name, type] of Object.entries(PROVIDERS)) {
  test(`examples/engines/${name}.yaml is an engine`, () => {
    const path = `../../../../examples/engines/${name}.yaml`;
    const parsed = parseYaml(readFileSync(new URL(path, import.meta.url), 'utf8'), path);
    assert.ok(isMapping(parsed));
    const { provider, notes } = parseEngineConfig(parsed['engine']);
    assert.equal(provider.type, type);
    assert.deepEqual(notes, []);
  });
}
