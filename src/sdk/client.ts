// What the service can be asked, one method for each question. Ids are UUIDs in lower case.

import { randomUUID } from 'node:crypto';
import { isUuid, Shape } from '../amqp/shape.ts';
import type { RegisterEndpoint, RegisterFunction, Submit, Submitted } from '../common/api.ts';
import { ComputeError } from '../common/errors.ts';
import { isJsonObject, type JsonObject } from '../common/json.ts';
import { encodePayload } from '../common/payload.ts';
import {
  readEndpointState, readFunction, readRegistered, readState, readStates, readSubmitted, readSummary, readUser,
  readUserEndpoint, type EndpointState, type EndpointSummary, type RegisteredEndpoint, type ResultStream,
  type StoredFunction, type TaskState, type UserEndpointSummary, type UserInfo,
} from './answers.ts';
import { policyBody, readPolicy, type AuthPolicy, type AuthPolicyOptions } from './auth-policies.ts';
import { serviceUrl, tokenSource } from './credentials.ts';
import { portableDefinition, type TaskFunction } from './functions.ts';
import { lookUpFunction, payloadOf, registrationOf, type RemoteFunction } from './remote-functions.ts';
import { Rest, type RestRequest } from './rest.ts';
import { JSON_SERIALIZER, readOutcome, type TaskOutcome } from './wire-format.ts';

export interface ClientOptions {
  /** Default: SWITCHYARD_SERVICE_URL, or http://localhost:5000. */
  readonly serviceUrl?: string | undefined;
  /**
   * Default: one that the service gives for GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET, or what
   * `switchyard login` has stored.
   */
  readonly token?: string | undefined;
  /** How long the service may take for one answer. Default: a minute. */
  readonly timeoutMs?: number | undefined;
}

export interface AskOptions {
  /** For how long a request that may come twice is repeated while the service is not there. Default: ten seconds. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** One call of a registered function. */
export interface Call {
  readonly functionId: string;
  readonly args: readonly unknown[];
}

export interface RegisterOptions {
  readonly description?: string;
  /** Others may call it too. Default: nobody. */
  readonly public?: boolean;
}

export interface SubmitOptions extends AskOptions {
  /** The request's name: sent again under the same one, it is the same request. */
  readonly key?: string;
}

/**
 * Speaks to the service. Every method rejects with SERVICE_UNREACHABLE, SERVICE_REFUSED, SERVICE_FAILED or
 * LOGIN_NEEDED; `details` of the error has the service's status and code.
 */
export class Client {
  readonly #rest: Rest;
  readonly #functions = new Map<string, Promise<RemoteFunction>>();

  /** Throws CONFIG_INVALID. Nothing is asked before the first call. */
  constructor(options: ClientOptions = {}) {
    const url = serviceUrl(options.serviceUrl);
    const { timeoutMs } = options;
    this.#rest = new Rest({
      url, tokens: tokenSource(url, options.token), ...timeoutMs === undefined ? {} : { timeoutMs },
    });
  }

  /** The service that this speaks to. */
  get url(): string {
    return this.#rest.url;
  }

  /** The service's version. */
  async version(): Promise<string> {
    return this.#ask({
      what: 'ask for the version', method: 'GET', path: '/v2/version?service=all',
    }, (answer) => answer.text('api'));
  }

  async userInfo(options: AskOptions = {}): Promise<UserInfo> {
    return this.#ask({ what: 'ask who this is', method: 'GET', path: '/v2/oauth2/userinfo', ...options }, readUser);
  }

  /**
   * Registers a function, for `run` and `registeredFunction`, and resolves to its id. Rejects with NOT_SERIALIZABLE
   * too. A second registration is another function.
   */
  async registerFunction(fn: TaskFunction, options: RegisterOptions = {}): Promise<string> {
    return this.storeFunction({ ...registrationOf(portableDefinition(fn)), ...options });
  }

  /** Calls a registered function at an endpoint, and resolves to the id of the task. */
  async run(endpointId: string, functionId: string, ...args: unknown[]): Promise<string> {
    const [id = ''] = await this.runBatch(endpointId, [{ functionId, args }]);
    return id;
  }

  /** Many calls in one request, at most 10,000; the ids of their tasks in the same order. */
  async runBatch(endpointId: string, calls: readonly Call[]): Promise<string[]> {
    const functions = await Promise.all(calls.map((call) => this.#function(call.functionId)));
    const tasks: Record<string, string[]> = {};
    const places = calls.map(({ args }, i) => {
      const fn = functions[i];
      if (fn === undefined) return { id: '', at: 0 };
      const payloads = tasks[fn.id] ??= [];
      return { id: fn.id, at: payloads.push(payloadOf(fn, encodePayload(args, 'args'))) - 1 };
    });
    const isPython = functions.some(({ language }) => language === 'python');
    const answer = await this.submit(endpointId, {
      tasks, ...isPython ? { result_serializers: [JSON_SERIALIZER] } : {},
    }, { key: randomUUID() });
    return places.map(({ id, at }) => answer.tasks[id]?.[at] ?? '');
  }

  /** The task's value. Rejects with its failure, or with TASK_PENDING while it has not ended. */
  async getResult(taskId: string): Promise<unknown> {
    const outcome = readOutcome(await this.taskState(taskId));
    if (outcome.status === 'done') return outcome.value;
    if (outcome.status === 'failed') throw outcome.error;
    throw new ComputeError('TASK_PENDING', `task ${taskId} has not ended: the service says ${outcome.detail}`);
  }

  /** How each of them stands, by id. Those that the service does not know are left out. */
  async getBatchResult(taskIds: readonly string[]): Promise<Map<string, TaskOutcome>> {
    const states = await this.taskStates(taskIds);
    return new Map([...states].map(([id, state]) => [id, readOutcome(state)]));
  }

  /** Resolves to its id. A second registration of the same function is another function. */
  async storeFunction(body: RegisterFunction, options: AskOptions = {}): Promise<string> {
    return this.#ask({
      what: `register function ${body.function_name}`, method: 'POST', path: '/v3/functions', body: { ...body },
      // One too many is nobody's loss.
      repeatable: true, ...options,
    }, (answer) => answer.uuid('function_uuid'));
  }

  async storedFunction(id: string, options: AskOptions = {}): Promise<StoredFunction> {
    return this.#ask({
      what: `look up function ${id}`, method: 'GET', path: `/v2/functions/${checked(id)}`, ...options,
    }, readFunction);
  }

  async deleteFunction(id: string): Promise<void> {
    return this.#ask({
      what: `remove function ${id}`, method: 'DELETE', path: `/v2/functions/${checked(id)}`,
    }, () => undefined);
  }

  /** Tasks as they are on the wire, or the text of that. With a `key` it is repeated, and happens once. */
  async submit(endpointId: string, body: Submit | string, options: SubmitOptions = {}): Promise<Submitted> {
    return this.#ask({
      what: `submit to endpoint ${endpointId}`, method: 'POST', path: `/v3/endpoints/${checked(endpointId)}/submit`,
      ...typeof body === 'string' ? { text: body } : { body: { ...body } }, ...options,
    }, readSubmitted);
  }

  async taskState(id: string): Promise<TaskState> {
    return this.#ask({ what: `ask for task ${id}`, method: 'GET', path: `/v2/tasks/${checked(id)}` }, readState);
  }

  /** At most 10,000 at once. Those that the service does not know, or that are somebody else's, are left out. */
  async taskStates(ids: readonly string[], options: AskOptions = {}): Promise<Map<string, TaskState>> {
    return this.#ask({
      what: `ask for ${ids.length} tasks`, method: 'POST', path: '/v2/batch_status', body: { task_ids: ids },
      repeatable: true, ...options,
    }, readStates);
  }

  /** The ids of its tasks, in the order in which they were submitted. */
  async taskGroup(id: string): Promise<string[]> {
    return this.#ask({
      what: `ask for task group ${id}`, method: 'GET', path: `/v2/taskgroup/${checked(id)}`,
    }, (answer) => answer.list('tasks', (task) => task.uuid('id')));
  }

  async resultStream(options: AskOptions = {}): Promise<ResultStream> {
    return this.#ask({
      what: 'ask where results can be read', method: 'GET', path: '/v2/get_amqp_result_connection_url', ...options,
    }, (answer) => ({ queuePrefix: answer.text('queue_prefix'), connectionUrl: answer.text('connection_url') }));
  }

  /** Whether an endpoint is there, and what it says of itself. */
  async endpointState(id: string, options: AskOptions = {}): Promise<EndpointState> {
    return this.#ask({
      what: `ask for endpoint ${id}`, method: 'GET', path: `/v2/endpoints/${checked(id)}/status`, ...options,
    }, readEndpointState);
  }

  /** In the service's own words: name, display_name, hostname, endpoint_version, … */
  async describeEndpoint(id: string): Promise<JsonObject> {
    return this.#ask({
      what: `describe endpoint ${id}`, method: 'GET', path: `/v2/endpoints/${checked(id)}`,
    }, (answer) => answer.object());
  }

  /** One's own, or with 'any' all that one may use. */
  async endpoints(role: 'owner' | 'any' = 'owner'): Promise<EndpointSummary[]> {
    return this.#ask({
      what: 'list endpoints', method: 'GET', path: `/v2/endpoints?role=${role}`,
    }, (answer) => answer.list('items', readSummary));
  }

  /** With an id, once more: its queues and their credentials stay as they are. */
  async registerEndpoint(body: RegisterEndpoint, id?: string, options: AskOptions = {}): Promise<RegisteredEndpoint> {
    const to = id === undefined ? { method: 'POST', path: '/v3/endpoints' } as const
      : { method: 'PUT', path: `/v3/endpoints/${checked(id)}` } as const;
    return this.#ask({
      what: `register endpoint ${body.endpoint_name}`, body: { ...body }, ...to, ...options,
    }, readRegistered);
  }

  async deleteEndpoint(id: string, options: AskOptions = {}): Promise<void> {
    const path = `/v2/endpoints/${checked(id)}`;
    return this.#ask({ what: `delete endpoint ${id}`, method: 'DELETE', path, ...options }, () => undefined);
  }

  /** Ends an endpoint wherever it runs, and keeps it away until the time that this resolves to, epoch ms. */
  async lockEndpoint(id: string, options: AskOptions = {}): Promise<number> {
    const path = `/v3/endpoints/${checked(id)}/lock`;
    return this.#ask({ what: `stop endpoint ${id}`, method: 'POST', path, repeatable: true, ...options },
      (answer) => Number(answer.object()['lock_expiration_timestamp']) * 1000);
  }

  /** Lets it register before that time. */
  async unlockEndpoint(id: string, options: AskOptions = {}): Promise<void> {
    const path = `/v3/endpoints/${checked(id)}/lock`;
    return this.#ask({ what: `unlock endpoint ${id}`, method: 'DELETE', path, ...options }, () => undefined);
  }

  /** The functions that an endpoint runs; undefined: any. */
  async allowedFunctions(id: string): Promise<string[] | undefined> {
    return this.#ask({
      what: `ask what endpoint ${id} runs`, method: 'GET', path: `/v3/endpoints/${checked(id)}/allowed_functions`,
    }, (answer) => (answer.has('functions') ? answer.texts('functions') : undefined));
  }

  /** What runs below a multi-user endpoint: all of it below one's own, else one's own. */
  async userEndpoints(id: string): Promise<UserEndpointSummary[]> {
    return this.#ask({
      what: `list the user endpoints of endpoint ${id}`, method: 'GET', path: `/v3/endpoints/${checked(id)}/console`,
    }, (answer) => answer.list('user_endpoints', readUserEndpoint));
  }

  /** For `authentication_policy` of one's own endpoints. */
  async createAuthPolicy(options: AuthPolicyOptions): Promise<{ readonly id: string }> {
    return this.#ask({
      what: `create authentication policy ${options.displayName}`, method: 'POST', path: '/v2/api/policies',
      body: { policy: policyBody(options) },
    }, (answer) => ({ id: answer.child('policy').uuid('id') }));
  }

  async authPolicy(id: string): Promise<AuthPolicy> {
    return this.#ask({
      what: `look up authentication policy ${id}`, method: 'GET', path: `/v2/api/policies/${checked(id)}`,
    }, (answer) => readPolicy(answer.child('policy')));
  }

  /** One's own. */
  async authPolicies(): Promise<AuthPolicy[]> {
    return this.#ask({
      what: 'list authentication policies', method: 'GET', path: '/v2/api/policies',
    }, (answer) => answer.list('policies', readPolicy));
  }

  /** Refused while an endpoint names it. */
  async deleteAuthPolicy(id: string): Promise<void> {
    return this.#ask({
      what: `delete authentication policy ${id}`, method: 'DELETE', path: `/v2/api/policies/${checked(id)}`,
    }, () => undefined);
  }

  #function(id: string): Promise<RemoteFunction> {
    const known = this.#functions.get(id) ?? lookUpFunction(this, id);
    this.#functions.set(id, known);
    known.catch(() => this.#functions.delete(id));
    return known;
  }

  async #ask<T>(request: RestRequest, read: (answer: Shape) => T): Promise<T> {
    const answer = await this.#rest.ask(request);
    const shape = new Shape(isJsonObject(answer) ? answer : { items: answer }, 'answer');
    const value = read(shape);
    if (shape.problem === undefined) return value;
    throw new ComputeError('SERVICE_FAILED',
      `could not ${request.what}: the answer of the service at ${this.url} has another form: ${shape.problem}`);
  }
}

/** What is no id might be another route. */
function checked(id: string): string {
  if (isUuid(id)) return id.toLowerCase();
  throw new ComputeError('CONFIG_INVALID',
    `${JSON.stringify(id)} is not an id: ids are UUIDs, as in 12345678-90ab-cdef-1234-567890abcdef`);
}
