// What strangers say to the service over HTTP and what it answers: the field's bodies, with their schemas beside them.
// A schema says what is needed, and lets through what it does not know: clients of later versions send more.

import type { JsonObject } from './json.ts';

/** The service's part of JSON Schema: also what the OpenAPI document shows. */
export type ApiSchema = Readonly<Record<string, unknown>>;

const text = { type: 'string' } as const;
/** The format alone would let a prefix through. */
export const UUID_PATTERN = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
const uuid = { type: 'string', format: 'uuid', pattern: UUID_PATTERN } as const;
/** For names, which a database keeps as they are. */
const printable = { type: 'string', pattern: '^[^\\u0000]*$' } as const;
const flag = { type: 'boolean' } as const;
const free = { type: 'object', additionalProperties: true } as const;
const uuids = { type: 'array', items: uuid } as const;

function orNull(schema: ApiSchema): ApiSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

function object(
  properties: Record<string, ApiSchema>, required: readonly string[] = Object.keys(properties),
): ApiSchema {
  return { type: 'object', properties, required };
}

/** Function code and payload of one task, and all payloads of one submission: bytes. */
export const PAYLOAD_BYTES_MAX = 10 * 1024 * 1024;
export const RESULT_BYTES_MAX = 10 * 1024 * 1024;
/** Tasks of one submission. */
export const SUBMISSION_TASKS_MAX = 10_000;
/** Task ids of one question. */
export const STATUS_TASKS_MAX = 10_000;

export interface RegisterFunction {
  readonly function_name: string;
  readonly function_code: string;
  readonly description?: string | null;
  readonly meta?: JsonObject | null;
  readonly public?: boolean;
  readonly group?: string | null;
}

export const registerFunction = object({
  function_name: { ...text, maxLength: 1024 }, function_code: text, description: orNull(text), meta: orNull(free),
  public: flag, group: orNull(uuid), ha_endpoint_id: orNull(uuid),
}, ['function_name', 'function_code']);

export const functionRegistered = object({ function_uuid: uuid });

export const functionDescription = object({
  function_uuid: uuid, function_name: text, function_code: text, description: orNull(text), metadata: free,
});

/** The field's answer to a deletion; the number is history. */
export interface Deleted { readonly result: 302 }
export const deleted = object({ result: { type: 'integer', const: 302 } });

export interface Submit {
  readonly tasks: Readonly<Record<string, readonly string[]>>;
  readonly task_group_id?: string | null;
  readonly create_queue?: boolean | null;
  /** The stream may have several results in one message. Not the field's. */
  readonly result_bundles?: boolean | null;
  readonly resource_specification?: JsonObject | null;
  readonly user_endpoint_config?: JsonObject | null;
  readonly user_runtime?: JsonObject | null;
  readonly result_serializers?: readonly string[] | null;
}

export const submit = object({
  tasks: {
    type: 'object', propertyNames: uuid, additionalProperties: { type: 'array', items: text }, minProperties: 1,
  },
  task_group_id: orNull(uuid), create_queue: orNull(flag), result_bundles: orNull(flag),
  resource_specification: orNull(free),
  user_endpoint_config: orNull(free), user_runtime: orNull(free),
  result_serializers: orNull({ type: 'array', items: text, maxItems: 64 }),
}, ['tasks']);

export interface Submitted {
  readonly request_id: string;
  readonly task_group_id: string;
  readonly endpoint_id: string;
  readonly tasks: Readonly<Record<string, readonly string[]>>;
}

export const submitted = object({
  request_id: uuid, task_group_id: uuid, endpoint_id: uuid,
  tasks: { type: 'object', additionalProperties: uuids },
});

export interface TaskStatus {
  readonly task_id: string;
  readonly status: string;
  readonly result?: string;
  readonly exception?: string;
  /** Seconds since 1970, as a text. There exactly when the task has ended. */
  readonly completion_t?: string;
  readonly details?: JsonObject;
}

export const taskStatus = object({
  task_id: uuid, status: text, result: text, exception: text, reason: text, completion_t: text, details: free,
}, ['task_id', 'status']);

export interface BatchStatus { readonly task_ids: readonly string[] }
export const batchStatus = object({ task_ids: { ...uuids, maxItems: STATUS_TASKS_MAX } });
export const batchStatuses = object({
  response: text, results: { type: 'object', additionalProperties: taskStatus },
});

export const taskGroup = object({
  taskgroup_id: uuid, create_websockets_queue: flag,
  tasks: { type: 'array', items: object({ id: uuid, created_at: text }) },
}, ['taskgroup_id', 'tasks']);

export interface RegisterEndpoint {
  readonly endpoint_name: string;
  readonly display_name?: string | null;
  readonly multi_user?: boolean | null;
  readonly public?: boolean | null;
  readonly high_assurance?: boolean | null;
  readonly metadata: JsonObject;
  readonly allowed_functions?: readonly string[] | null;
  readonly authentication_policy?: string | null;
  readonly subscription_uuid?: string | null;
  readonly admins?: readonly string[] | null;
}

export const registerEndpoint = object({
  endpoint_name: { ...printable, minLength: 1, maxLength: 256 },
  display_name: orNull({ ...printable, maxLength: 1024 }),
  multi_user: orNull(flag), public: orNull(flag), high_assurance: orNull(flag), metadata: free,
  allowed_functions: orNull(uuids), authentication_policy: orNull(uuid), subscription_uuid: orNull(uuid),
  admins: orNull(uuids),
}, ['endpoint_name', 'metadata']);

const queue = object({ connection_url: text, exchange: text, queue: text });
const publishing = object({ connection_url: text, exchange: text, queue: text, queue_publish_kwargs: free });

export const endpointRegistered = object({
  endpoint_id: uuid, command_queue_info: queue, task_queue_info: queue, result_queue_info: publishing,
  heartbeat_queue_info: publishing,
});

export const endpointStatus = object({ status: { enum: ['online', 'offline'] }, details: free }, ['status']);

export const endpointDescription = object({
  uuid, name: text, display_name: orNull(text), multi_user: flag, high_assurance: flag, public: flag,
  endpoint_config: orNull(text), user_config_template: orNull(text), user_config_schema: orNull(free),
  description: orNull(text), hostname: orNull(text), local_user: orNull(text), ip_address: orNull(text),
  endpoint_version: orNull(text), python_version: orNull(text), subscription_uuid: orNull(uuid),
  subscription_admin_verified: flag,
}, ['uuid', 'name']);

export const endpointList = {
  type: 'array', items: object({ uuid, name: text, display_name: orNull(text), owner: uuid }),
} as const;

export const userEndpoints = object({ user_endpoints: {
  type: 'array', items: {
    ...object({ user_endpoint_id: uuid, active: flag, identity_id: uuid, last_used_unix: { type: 'number' } }),
    additionalProperties: true,
  },
} });

export const endpointLocked = object({ endpoint_id: uuid, lock_expiration_timestamp: { type: 'number' } });

export const allowedFunctions = object(
  { endpoint_id: uuid, restricted: flag, functions: uuids }, ['endpoint_id', 'restricted'],
);

export interface CreateAuthPolicy {
  readonly policy: {
    readonly display_name: string;
    readonly description?: string | null;
    readonly project_id?: string | null;
    readonly domain_constraints_include?: readonly string[] | null;
    readonly domain_constraints_exclude?: readonly string[] | null;
    /** Seconds. */
    readonly authentication_assurance_timeout?: number | null;
    readonly high_assurance?: boolean | null;
    readonly required_mfa?: boolean | null;
  };
}

const domains = { type: 'array', items: { ...text, maxLength: 256 }, maxItems: 1000 } as const;

export const createAuthPolicy = object({ policy: object({
  display_name: { ...text, minLength: 1, maxLength: 1024 }, description: orNull({ ...text, maxLength: 4096 }),
  project_id: orNull(uuid), domain_constraints_include: orNull(domains), domain_constraints_exclude: orNull(domains),
  authentication_assurance_timeout: orNull({ type: 'integer', minimum: 0, maximum: 1_000_000_000 }),
  high_assurance: orNull(flag), required_mfa: orNull(flag),
}, ['display_name']) });

const policy = object({
  id: uuid, project_id: orNull(uuid), display_name: text, description: text, domain_constraints_include: domains,
  domain_constraints_exclude: domains, authentication_assurance_timeout: orNull({ type: 'number' }),
  high_assurance: flag, required_mfa: flag,
});

export const authPolicy = object({ policy });
export const authPolicies = object({ policies: { type: 'array', items: policy } });

export const resultStream = object({ queue_prefix: text, connection_url: text });

export interface Failed {
  readonly status: 'Failed';
  readonly code: string;
  readonly error_args: readonly string[];
  readonly http_status_code: number;
  readonly detail: unknown;
  /** The same once more, as older clients look for it here. */
  readonly reason: unknown;
  /** What a new log-in has to bring. */
  readonly authorization_parameters?: JsonObject;
}

export const failed = object({
  status: text, code: text, error_args: { type: 'array' }, http_status_code: { type: 'integer' },
  detail: {}, reason: {}, authorization_parameters: free,
}, ['status', 'code', 'error_args', 'http_status_code', 'detail', 'reason']);
