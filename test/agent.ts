// The field's own agent, registered with a service of these tests.

import { dirname, join } from 'node:path';
import { FieldAgent } from '../bench/peers/field-agent.ts';
import { until } from './process/harness.ts';
import { pythonVenv } from './python-venv.ts';
import { fieldEnvironment, type Place } from './sdk-script.ts';

const ONLINE_MS = 60_000;

/** Two workers, kept until the agent ends. `GREETING` is what its users may set. */
const TEMPLATE = `
idle_heartbeats_soft: 0
heartbeat_period: 5
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 2
  address: 127.0.0.1
  provider:
    type: LocalProvider
    init_blocks: 1
    min_blocks: 1
    max_blocks: 1
    worker_init: |
      export GREETING={{ GREETING|default('""')|shell_escape }}
`;

/** Configured, not started; it and all that it starts end with the block. */
export async function fieldAgent(place: Place): Promise<FieldAgent> {
  const { python } = await pythonVenv();
  return await FieldAgent.configure({
    bin: dirname(python), env: fieldEnvironment(place), home: join(place.home, 'agent'), template: TEMPLATE,
    config: 'display_name: null\nheartbeat_period: 5\n',
  });
}

/** Whether the service says that the endpoint is there. */
export async function isOnline({ service, user }: Place, id: string): Promise<boolean> {
  const { body } = await service.ask('GET', `/v2/endpoints/${id}/status`, { as: user?.token });
  return body.status === 'online';
}

/** Its id, once it is there. */
export async function started(agent: FieldAgent, place: Place): Promise<string> {
  agent.start();
  const id = await until('the agent to register', () => agent.id, ONLINE_MS).catch((error: unknown) => {
    throw new Error(agent.output(), { cause: error });
  });
  await until('the agent to report', () => isOnline(place, id), ONLINE_MS);
  return id;
}
