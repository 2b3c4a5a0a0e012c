import {
  batchStatus, batchStatuses, resultStream, submit, submitted, taskGroup, taskStatus, type BatchStatus, type Submit,
} from '../../common/api.ts';
import type { Clock } from '../../common/clock.ts';
import type { JsonObject } from '../../common/json.ts';
import type { Courier } from '../courier.ts';
import type { Grants } from '../grants.ts';
import { taskNotFound } from '../refusal.ts';
import type { Results } from '../results.ts';
import { idIn, type Route } from '../route.ts';
import type { TaskStore } from '../store/tasks.ts';
import type { Submissions } from '../submissions.ts';
import type { TaskGroups } from '../task-groups.ts';
import { statusOf } from '../task-status.ts';

/** Less than the minute after which clients ask again. */
const BROKER_WAIT_MS = 45_000;
const BROKER_LOOK_MS = 100;

export interface TaskRouteDeps {
  readonly tasks: TaskStore;
  readonly submissions: Submissions;
  readonly results: Results;
  readonly groups: TaskGroups;
  readonly courier: Courier;
  readonly grants: Grants;
  readonly clock: Clock;
}

export function taskRoutes({ tasks, submissions, results, groups, courier, grants, clock }: TaskRouteDeps): Route[] {
  return [{
    method: 'POST', path: '/v3/endpoints/:id/submit', access: 'user', summary: 'Submit tasks',
    schema: { body: submit, answer: submitted },
    handle: async (call, identity) => {
      const { answer, onAnswered } = await submissions.accept({
        endpoint: idIn(call), identity, body: call.body as Submit, name: call.headers['idempotency-key'],
        first: call.headers['idempotency-first'] === 'true', gone: call.gone,
      });
      call.onAnswered(onAnswered);
      return { ...answer };
    },
  }, {
    method: 'GET', path: '/v2/tasks/:id', access: 'user', summary: 'The state of a task, with its result',
    schema: { answer: taskStatus },
    handle: async (call, { id: user }) => {
      const id = idIn(call);
      await results.written([id]);
      const [record] = await tasks.records(user, [id]);
      if (record === undefined) throw taskNotFound(id);
      return { ...statusOf(record) };
    },
  }, {
    method: 'POST', path: '/v2/batch_status', access: 'user', summary: 'The states of many tasks',
    schema: { body: batchStatus, answer: batchStatuses },
    handle: async ({ body }, { id: user }) => {
      const ids = (body as BatchStatus).task_ids.map((id) => id.toLowerCase());
      await results.written(ids);
      const records = await tasks.records(user, ids);
      const states: JsonObject = Object.fromEntries(records.map((record) => [record.id, { ...statusOf(record) }]));
      return { response: 'batch', results: states };
    },
  }, {
    method: 'GET', path: '/v2/taskgroup/:id', access: 'user', summary: 'The tasks of a task group',
    schema: {
      query: { type: 'object', properties: { result_bundles: { enum: ['true', 'false'] } } }, answer: taskGroup,
    },
    handle: async (call, { id: user }) => {
      const id = idIn(call);
      await groups.reopen(id, user, call.query['result_bundles'] === 'true' ? 'bundles' : 'single');
      const found = await tasks.groupTasks(id);
      return {
        // As it was asked for: clients compare the two.
        taskgroup_id: call.params['id'] ?? id, create_websockets_queue: true,
        tasks: found.map(
          (task) => ({ id: task.id, created_at: new Date(task.created * 1000).toISOString().slice(0, -1) }),
        ),
      };
    },
  }, {
    method: 'GET', path: '/v2/get_amqp_result_connection_url', access: 'user', summary: 'Where results can be read',
    schema: { answer: resultStream },
    handle: async (_, { id: user }) => {
      await brokerIsBack(courier, clock);
      const { queuePrefix, connectionUrl } = await grants.stream(user, clock.now());
      return { queue_prefix: queuePrefix, connection_url: connectionUrl };
    },
  }];
}

/** Clients ask before each attempt to connect, and give up after a few: while the broker is away, they wait here. */
async function brokerIsBack(courier: Courier, clock: Clock): Promise<void> {
  const end = clock.now() + BROKER_WAIT_MS;
  while (!courier.isConnected && clock.now() < end) await clock.sleep(BROKER_LOOK_MS);
}
