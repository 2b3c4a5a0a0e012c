// PROCESS: runs a command beside a private Slurm cluster of four nodes, which answers it and lives as long as it does.
// As root, like all that starts such clusters; the command is root's, too.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXIT_SOFTWARE } from '../../src/common/shutdown.ts';
import { Cluster } from './cluster.ts';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) throw new Error('usage: with-cluster COMMAND [ARGUMENT …]');
await using cluster = await Cluster.start();
const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, SLURM_CONF: cluster.conf } });
// A Ctrl-C comes to the command by itself; the cluster ends after it.
process.on('SIGINT', () => { /* see above */ });
process.on('SIGTERM', () => child.kill('SIGTERM'));
const [code] = await once(child, 'exit') as [number | null];
process.exitCode = code ?? EXIT_SOFTWARE;
