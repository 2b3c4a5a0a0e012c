// `switchyard endpoint list`: what is configured here, and what of it runs.

import { unreachable } from '../common/errors.ts';
import type { Holder } from '../common/holder.ts';
import { endpointFolders, endpointId } from './endpoint-directory.ts';
import { instanceOf, type Instance } from './endpoint-instance.ts';

/** `Disconnected`: it was killed, and nobody has started it or cleaned up since. */
export type EndpointStatus = 'Initialized' | 'Running' | 'Stopped' | 'Disconnected';

export interface ListedEndpoint {
  readonly name: string;
  readonly directory: string;
  readonly id: string | undefined;
  /** Why the id could not be read. */
  readonly problem: string | undefined;
  readonly status: EndpointStatus;
  readonly process: Holder | undefined;
}

export async function listEndpoints(directory: string): Promise<ListedEndpoint[]> {
  return await Promise.all((await endpointFolders(directory)).map(async (folder) => {
    const { id, problem } = await endpointId(folder).then(
      (known) => ({ id: known, problem: undefined }),
      (error: unknown) => ({ id: undefined, problem: error instanceof Error ? error.message : String(error) }),
    );
    const instance = await instanceOf(folder);
    return {
      name: folder.name, directory: folder.path, id, problem,
      status: statusOf(instance, id !== undefined || problem !== undefined),
      process: 'holder' in instance && instance.state !== 'gone' ? instance.holder : undefined,
    };
  }));
}

function statusOf({ state }: Instance, registered: boolean): EndpointStatus {
  switch (state) {
    case 'alive':
    case 'elsewhere': return 'Running';
    case 'gone':
    case 'unreadable': return 'Disconnected';
    case 'none': return registered ? 'Stopped' : 'Initialized';
    default: return unreachable(state);
  }
}

const HEADER = ['ENDPOINT ID', 'STATUS', 'PROCESS', 'NAME'];
const NOTHING = '-';

/** `here`: this host's name; processes of other hosts are shown with theirs. */
export function endpointsText(endpoints: readonly ListedEndpoint[], here: string): string {
  if (endpoints.length === 0) return 'No endpoints configured!\n\n (Hint: switchyard endpoint configure)\n';
  const rows = [HEADER, ...endpoints.map(({ id, problem, status, process, name }) => [
    id ?? (problem === undefined ? NOTHING : '[failed to read endpoint id]'), status, processText(process, here), name,
  ])];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()}\n`).join('');
}

export function endpointsJson(endpoints: readonly ListedEndpoint[]): object[] {
  return endpoints.map(({ name, directory, id, status, process, problem }) => ({
    endpoint_id: id ?? null, status, name, directory,
    process: process === undefined ? null : { host: process.host, pid: process.pid },
    ...problem === undefined ? {} : { problem },
  }));
}

function processText(process: Holder | undefined, here: string): string {
  if (process === undefined) return NOTHING;
  return process.host === here ? String(process.pid) : `${process.pid} on ${process.host}`;
}
