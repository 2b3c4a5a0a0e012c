import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { rootLog } from '../../src/common/log.ts';
import { untilShutdown } from '../../src/common/shutdown.ts';
import { readConfig } from './config-file.ts';
import { runManager } from './loop.ts';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: manager CONFIG-FILE');
const config = await readConfig(path, systemClock);
const folder = dirname(path);
mkdirSync(`${folder}/groups`, { recursive: true });
mkdirSync(config.workingDirectory, { recursive: true });
process.chdir(config.workingDirectory);
const log = rootLog('manager', { level: config.logLevel, path: `${config.logDirectory}/manager-${process.pid}.log` });

await untilShutdown(log, async (signal) => {
  try {
    return await runManager(config, folder, { log, clock: systemClock, signal, environment: process.env });
  } catch (error) {
    // The block's own stderr: it is what the user is shown when the block fails.
    process.stderr.write(`switchyard manager: ${error instanceof Error ? error.message : String(error)}\n`);
    throw error;
  }
});
