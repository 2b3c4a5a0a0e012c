// Checks of an endpoint's own files: in whose hands they are, who runs it, and what of them others get to see.

import { dirname } from 'node:path';
import { unreachable } from '../common/errors.ts';
import { looseness } from '../supervisor/strict-modes.ts';
import type { EndpointFolder } from './endpoint-directory.ts';
import { failure, ok, warning, type Finding } from './endpoint-finding.ts';
import { closedAt } from './endpoint-includes.ts';
import type { NamedText } from './endpoint-input.ts';
import { instanceOf, pidFile } from './endpoint-instance.ts';

/** Whoever may change one of them decides what runs as whom. */
export async function checkModes(paths: readonly string[]): Promise<Finding> {
  for (const path of paths) {
    const problem = await looseness(path);
    if (problem !== undefined) return failure('modes', problem);
  }
  return ok('modes', `only root can change the files, the programs, and what leads to them`);
}

export async function checkInstance(folder: EndpointFolder): Promise<Finding> {
  const instance = await instanceOf(folder);
  const file = pidFile(folder);
  switch (instance.state) {
    case 'none': return ok('daemon.pid', 'the endpoint does not run');
    case 'alive': return ok('daemon.pid', `the endpoint runs, as process ${instance.holder.pid}`);
    case 'elsewhere': {
      const { pid, host } = instance.holder;
      return warning('daemon.pid', `the endpoint runs on ${host}, as process ${pid}; if not, remove ${file}`);
    }
    case 'gone': {
      return warning('daemon.pid', `the endpoint was killed, and ${file} is left; the next start cleans up`);
    }
    case 'unreadable': {
      return failure('daemon.pid', `${file} does not say who runs the endpoint: remove it if nobody does`);
    }
    default: return unreachable(instance);
  }
}

const INCLUDE = /\{%[-+]?\s*(?:include|extends|import|from)\b/;

/** Included files are read as the user, who has to be able to list them. */
export async function checkIncludes({ path, text }: NamedText): Promise<Finding | undefined> {
  if (!INCLUDE.test(text)) return undefined;
  const closed = await closedAt(dirname(path));
  if (closed === undefined) return ok('includes', `every user can read what lies in ${dirname(path)}`);
  return failure('includes', `the template includes files, and users cannot get at them: ${closed} is closed to others`
    + '. Let user_config_template_path in config.yaml point to a directory that everybody may list');
}
