import type { Database, Value } from '../database.ts';

export interface StoredEndpoint {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly displayName: string | null;
  /** It starts user endpoints; otherwise it serves tasks itself. */
  readonly templated: boolean;
  readonly multiUser: boolean;
  readonly isPublic: boolean;
  readonly highAssurance: boolean;
  /** JSON, as registered. */
  readonly metadata: string;
  /** null: any function. */
  readonly allowedFunctions: readonly string[] | null;
  readonly authenticationPolicy: string | null;
  readonly subscription: string | null;
  readonly admins: readonly string[];
  readonly lockedUntilS: number;
  readonly salt: string;
}

export interface UserEndpoint {
  readonly id: string;
  readonly manager: string;
  readonly identity: string;
  /** JSON. */
  readonly options: string;
  /** JSON. */
  readonly runtime: string;
  readonly salt: string;
  /** When there was last a submission for it, to within the hour. */
  readonly usedS: number;
}

const CHILD = 'id, manager, identity, options, runtime, salt, used as "usedS"';

export interface StoredPresence {
  readonly id: string;
  readonly seenS: number;
  /** Offline after this, unless another report comes. */
  readonly untilS: number;
  /** JSON. */
  readonly report: string;
}

interface EndpointRow {
  readonly id: string; readonly owner: string; readonly name: string; readonly display_name: string | null;
  readonly templated: boolean; readonly multi_user: boolean; readonly public: boolean;
  readonly high_assurance: boolean; readonly metadata: string; readonly allowed_functions: string | null;
  readonly authentication_policy: string | null; readonly subscription: string | null; readonly admins: string;
  readonly locked_until: number; readonly salt: string;
}

const COLUMNS = `id, owner, name, display_name, templated, multi_user, public, high_assurance, metadata,
  allowed_functions, authentication_policy, subscription, admins, locked_until, salt`;

export class EndpointStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async find(id: string): Promise<StoredEndpoint | undefined> {
    const [row] = await this.#database.query<EndpointRow>(`select ${COLUMNS} from endpoint where id = $1`, [id]);
    return row && endpointOf(row);
  }

  /** `owner`'s own, or with null all public ones. */
  async list(owner: string | null): Promise<StoredEndpoint[]> {
    const rows = await this.#database.query<EndpointRow>(
      `select ${COLUMNS} from endpoint where owner = $1::uuid or ($1::uuid is null and public) order by created`, [
        owner,
      ],
    );
    return rows.map(endpointOf);
  }

  /** Adds it, or changes the one with this id if it has the same owner. False: it has another. */
  async put(one: StoredEndpoint, nowS: number): Promise<boolean> {
    const rows = await this.#database.query(
      `insert into endpoint (${COLUMNS}, created)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        on conflict (id) do update set name = excluded.name, display_name = excluded.display_name,
          templated = excluded.templated, multi_user = excluded.multi_user, public = excluded.public,
          high_assurance = excluded.high_assurance, metadata = excluded.metadata,
          allowed_functions = excluded.allowed_functions, authentication_policy = excluded.authentication_policy,
          subscription = excluded.subscription, admins = excluded.admins, locked_until = excluded.locked_until,
          salt = excluded.salt
        where endpoint.owner = excluded.owner returning id`, valuesOf(one, nowS),
    );
    return rows.length > 0;
  }

  /** Its user endpoints get the new salt, too. */
  async lock(id: string, untilS: number, salt: string): Promise<void> {
    await this.#database.query(
      `with children as (update user_endpoint set salt = $3 where manager = $1)
        update endpoint set locked_until = $2, salt = $3 where id = $1`, [id, untilS, salt],
    );
  }

  async unlock(id: string, nowS: number): Promise<void> {
    await this.#database.query('update endpoint set locked_until = least(locked_until, $2) where id = $1', [id, nowS]);
  }

  async remove(id: string): Promise<void> {
    await this.#database.query('delete from endpoint where id = $1', [id]);
  }

  async child(id: string): Promise<UserEndpoint | undefined> {
    const [row] = await this.#database.query<UserEndpoint>(`select ${CHILD} from user_endpoint where id = $1`, [id]);
    return row;
  }

  async children(manager: string): Promise<UserEndpoint[]> {
    return await this.#database.query<UserEndpoint>(
      `select ${CHILD} from user_endpoint where manager = $1 order by created, id`, [manager],
    );
  }

  /** One user's, below whatever managers. */
  async childrenOf(identity: string): Promise<UserEndpoint[]> {
    return await this.#database.query<UserEndpoint>(
      `select ${CHILD} from user_endpoint where identity = $1`, [identity],
    );
  }

  /** How many of one user's there are below one manager. */
  async countChildren(manager: string, identity: string): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      'select count(*)::integer as count from user_endpoint where identity = $1 and manager = $2', [identity, manager],
    );
    return row?.count ?? 0;
  }

  /** Those that nobody submitted to since `beforeS` and that are not there, at most so many. */
  async unusedChildren(beforeS: number, nowS: number, most: number): Promise<UserEndpoint[]> {
    return await this.#database.query<UserEndpoint>(
      `select ${CHILD} from user_endpoint where used < $1
        and not exists (select 1 from presence where presence.id = user_endpoint.id and until > $2)
        order by used limit $3`, [beforeS, nowS, most],
    );
  }

  /** The one that is there keeps what it has. */
  async addChild(one: UserEndpoint): Promise<void> {
    await this.#database.query(
      `insert into user_endpoint (id, manager, identity, options, runtime, salt, created, used)
        values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (id) do nothing`,
      [one.id, one.manager, one.identity, one.options, one.runtime, one.salt, one.usedS],
    );
  }

  async markUsed(child: string, nowS: number): Promise<void> {
    await this.#database.query('update user_endpoint set used = $2 where id = $1', [child, nowS]);
  }

  async removeChild(id: string): Promise<void> {
    await this.#database.query('delete from user_endpoint where id = $1', [id]);
  }

  async presences(): Promise<StoredPresence[]> {
    const rows = await this.#database.query<{ id: string; seen: number; until: number; report: string }>(
      'select id, seen, until, report from presence',
    );
    return rows.map(({ id, seen, until, report }) => ({ id, seenS: seen, untilS: until, report }));
  }

  async putPresences(all: readonly StoredPresence[]): Promise<void> {
    await this.#database.query(
      `insert into presence (id, seen, until, report)
        select * from unnest($1::uuid[], $2::double precision[], $3::double precision[], $4::text[])
        on conflict (id) do update set seen = excluded.seen, until = excluded.until, report = excluded.report`,
      [all.map(({ id }) => id), all.map(({ seenS }) => seenS), all.map(({ untilS }) => untilS),
        all.map(({ report }) => report)],
    );
  }

  async removePresence(id: string): Promise<void> {
    await this.#database.query('delete from presence where id = $1', [id]);
  }
}

function endpointOf(row: EndpointRow): StoredEndpoint {
  return {
    id: row.id, owner: row.owner, name: row.name, displayName: row.display_name, templated: row.templated,
    multiUser: row.multi_user, isPublic: row.public, highAssurance: row.high_assurance, metadata: row.metadata,
    // Both were written below.
    allowedFunctions: row.allowed_functions === null ? null : JSON.parse(row.allowed_functions) as string[],
    admins: JSON.parse(row.admins) as string[],
    authenticationPolicy: row.authentication_policy, subscription: row.subscription, lockedUntilS: row.locked_until,
    salt: row.salt,
  };
}

function valuesOf(one: StoredEndpoint, nowS: number): Value[] {
  return [
    one.id, one.owner, one.name, one.displayName, one.templated, one.multiUser, one.isPublic, one.highAssurance,
    one.metadata, one.allowedFunctions === null ? null : JSON.stringify(one.allowedFunctions),
    one.authenticationPolicy, one.subscription, JSON.stringify(one.admins), one.lockedUntilS, one.salt, nowS,
  ];
}
