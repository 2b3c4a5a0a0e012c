// SlurmProvider on a real cluster keeps what every provider promises.

import { after } from 'node:test';
import { systemClock } from '../../src/common/clock.ts';
import { exec } from '../../src/common/exec.ts';
import { BatchProvider } from '../../providers/batch.ts';
import { parseSlurm, slurm } from '../../providers/slurm.ts';
import { providerSuite } from '../contract/provider.ts';
import { Cluster } from './cluster.ts';

const cluster = await Cluster.start();
after(() => cluster[Symbol.asyncDispose]());

providerSuite({
  name: 'SlurmProvider',
  make: (_, keys = {}) => {
    const config = parseSlurm(keys);
    return new BatchProvider(config, slurm(config), { host: cluster.host(), clock: systemClock });
  },
  give: async (folder) => {
    await exec(['chown', '--recursive', 'swy-alice:swy-alice', folder], { timeoutMs: 10_000 });
  },
});
