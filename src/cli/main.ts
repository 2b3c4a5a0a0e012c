#!/usr/bin/env node
// Which program this is. A user endpoint is started by the fifty on one machine, as somebody else, and has to look at
// its own privileges first: nothing is loaded for it that it does not need. All else is a command of a person.

import { basename } from 'node:path';
import { userEndpointName } from './user-endpoint-words.ts';

const name = userEndpointName(basename(process.argv[1] ?? ''), process.argv.slice(2));
if (name === undefined) {
  const { runProgram } = await import('./program.ts');
  await runProgram();
} else {
  const { runUserEndpoint } = await import('../endpoint/user-endpoint.ts');
  process.exit(await runUserEndpoint({ name, environment: process.env }));
}
