// The command line of `switchyard endpoint doctor`.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { EXIT_OK, EXIT_TASKS_FAILED } from '../common/shutdown.ts';
import { serviceUrl } from '../sdk/credentials.ts';
import { ownPrivileges } from '../supervisor/privileges.ts';
import { findEndpoint } from './endpoint-directory.ts';
import { findingsText } from './endpoint-finding.ts';
import { directoryOf, named, print, type CommonOptions } from './endpoint-options.ts';

const PROGRAMS = fileURLToPath(new URL('..', import.meta.url));

const EXAMPLES = `
Run it as whoever starts the endpoint, with the same environment. It changes nothing and starts nothing.

Exit status: 0 nothing failed, 1 a check failed, 64 there is no such endpoint.
`;

/** `exit` gets the exit status. */
export function doctorCommand(exit: (status: number) => void): Command {
  return named('doctor', 'look for what is wrong with a set-up, one line a check')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, _: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const folder = await findEndpoint(directoryOf(options), name);
      // Only now: it needs half of the house, and other commands answer sooner without it.
      const [{ examine }, { checkService }] = await Promise.all([
        import('./endpoint-doctor.ts'), import('./endpoint-check-service.ts'),
      ]);
      const { findings, amqpPort } = await examine(folder, {
        privileges: ownPrivileges(), path: process.env['PATH'] ?? '',
        own: { node: process.execPath, program: resolve(process.argv[1] ?? ''), directory: PROGRAMS },
      });
      const all = [...findings, ...await checkService(serviceUrl(), amqpPort)];
      print(options, all, findingsText(all));
      exit(all.some(({ level }) => level === 'fail') ? EXIT_TASKS_FAILED : EXIT_OK);
    });
}
