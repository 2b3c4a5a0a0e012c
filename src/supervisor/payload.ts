// What a user endpoint is told on its standard input: what it needs to render its configuration by itself, when
// nobody's privileges are left, and where its tasks are.

import type { StartCommand } from '../amqp/start-command.ts';
import { formatJson, type Json, type JsonObject } from '../common/json.ts';
import type { StartOrder } from './children.ts';
import type { TextFile } from './files.ts';

export interface PayloadSource {
  readonly template: TextFile;
  readonly schema: TextFile | null;
  /** config.yaml, as it is written. */
  readonly parentConfig: JsonObject;
  readonly allowedFunctions: readonly string[] | null;
  readonly debug: boolean;
  /** The process that it is to outlive by nothing. */
  readonly supervisorPid: number;
}

export function payloadOf(order: StartOrder, source: PayloadSource): Buffer {
  const { command, account, matched, candidates } = order;
  const { template, schema, parentConfig, allowedFunctions, debug, supervisorPid } = source;
  const { name, uid, gid, gecos, shell, directory, groups } = account;
  const document: JsonObject = {
    amqp_creds: credentials(command),
    ep_info: {
      posix_ppid: supervisorPid,
      ...candidates === undefined ? {} : { globus_candidate_identities: candidates },
      ...matched === undefined ? {} : { globus_matched_identity: matched },
    },
    ...allowedFunctions === null ? {} : { allowed_functions: allowedFunctions },
    debug,
    render: {
      template: { ...template }, schema: schema === null ? null : { ...schema },
      user_opts: command.userOptions, user_runtime: command.userRuntime, parent_config: parentConfig,
      mapped_identity: {
        local: { uname: name, uid, gid, gecos, shell, dir: directory, groups },
        globus: matched === undefined ? null : { id: identityId(matched, command) },
      },
    },
  };
  return Buffer.from(`${formatJson(document)}\n`);
}

function credentials({ endpointId, queues }: StartCommand): JsonObject {
  // Plain data; an interface has no index signature, which is all that is missing.
  return { endpoint_id: endpointId, ...queues } as unknown as JsonObject;
}

function identityId(matched: JsonObject, { effectiveIdentity }: StartCommand): Json {
  return matched['id'] ?? matched['sub'] ?? effectiveIdentity;
}
