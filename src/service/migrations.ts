// The tables, as the steps by which they came to be. A step that has been released is never changed: another follows.

import { ComputeError } from '../common/errors.ts';
import type { Database } from './database.ts';

/** Times are seconds since 1970. What strangers sent is kept as JSON text, which can hold what a text cannot: NUL. */
const STEPS: readonly string[] = [`
  create table setting (name text primary key, value text not null);
  create table identity (
    id uuid primary key, username text not null unique, full_name text not null, email text not null,
    created double precision not null
  );
  -- Everything that proves who somebody is, by the digest of it: nothing here can be used by who reads it.
  create table token (
    digest text primary key, id uuid not null unique,
    identity uuid not null references identity on delete cascade,
    kind text not null, client text not null, scope text not null, family uuid not null, note text not null,
    created double precision not null, expires double precision not null
  );
  create index token_identity on token (identity);
  create index token_family on token (family);
  create table function (
    id uuid primary key, owner uuid not null, name text not null, code text not null, description text,
    metadata text not null, public boolean not null, created double precision not null, deleted double precision
  );
  create table endpoint (
    id uuid primary key, owner uuid not null, name text not null, display_name text, templated boolean not null,
    multi_user boolean not null, public boolean not null, high_assurance boolean not null, metadata text not null,
    allowed_functions text, authentication_policy uuid, subscription uuid, admins text not null,
    locked_until double precision not null, salt text not null, created double precision not null
  );
  create index endpoint_owner on endpoint (owner);
  -- One user's endpoint below a manager: started by it, with these options.
  create table user_endpoint (
    id uuid primary key, manager uuid not null references endpoint on delete cascade, identity uuid not null,
    options text not null, runtime text not null, salt text not null, created double precision not null
  );
  create index user_endpoint_manager on user_endpoint (manager);
  -- The last report of whatever serves tasks or starts what does.
  create table presence (id uuid primary key, seen double precision not null, until double precision not null,
    report text not null);
  create table task_group (
    id uuid primary key, owner uuid not null, stream text not null, created double precision not null
  );
  -- One request's tasks. Open until all of them are with the broker and the client has its answer.
  create table submission (
    id uuid primary key, task_group uuid not null, owner uuid not null, endpoint uuid not null, target uuid not null,
    resources text, serializers text not null, digest text not null, created double precision not null,
    published boolean not null default false, answered boolean not null default false
  );
  create index submission_task_group on submission (task_group);
  create index submission_created on submission (created);
  create index submission_target on submission (target);
  create index submission_digest on submission (digest);
  create index submission_unpublished on submission (created) where not published;
  create table task (
    id uuid primary key, submission uuid not null, function uuid not null, place integer not null, payload text not null
  );
  create index task_submission on task (submission);
  -- The result message's text, as it came.
  create table result (task uuid primary key, completed double precision not null, message text not null);
`, `
  -- A log-in before this release counts from when its personal token was given out: nobody knows better.
  alter table token add column authenticated double precision;
  update token set authenticated =
    (select min(other.created) from token as other where other.family = token.family);
  alter table token alter column authenticated set not null;
  create table auth_policy (
    id uuid primary key, owner uuid not null, project uuid, display_name text not null, description text not null,
    allowed_domains text not null, excluded_domains text not null, auth_timeout double precision,
    high_assurance boolean not null, created double precision not null
  );
  create index auth_policy_owner on auth_policy (owner);
  create index endpoint_policy on endpoint (authentication_policy);
  -- When there was last a submission for it.
  alter table user_endpoint add column used double precision;
  update user_endpoint set used = created;
  alter table user_endpoint alter column used set not null;
  create index user_endpoint_identity on user_endpoint (identity);
  create index user_endpoint_used on user_endpoint (used);
`];

export async function migrate(database: Database): Promise<void> {
  await database.script('create table if not exists schema_version (version integer not null)');
  const [row] = await database.query<{ version: number }>('select max(version) as version from schema_version');
  const version = row?.version ?? 0;
  if (version > STEPS.length) {
    throw new ComputeError('START_FAILED',
      `the database was written by a newer release (its version is ${version}, ours ${STEPS.length}): `
      + 'upgrade this one');
  }
  for (const [i, step] of STEPS.entries()) {
    if (i >= version) await database.script(`${step}; insert into schema_version values (${i + 1})`);
  }
}
