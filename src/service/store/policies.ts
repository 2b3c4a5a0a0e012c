import type { Database } from '../database.ts';
import type { AuthPolicy } from '../policy.ts';

interface PolicyRow {
  readonly id: string; readonly owner: string; readonly project: string | null; readonly display_name: string;
  readonly description: string; readonly allowed_domains: string; readonly excluded_domains: string;
  readonly auth_timeout: number | null; readonly high_assurance: boolean;
}

const COLUMNS = `id, owner, project, display_name, description, allowed_domains, excluded_domains, auth_timeout,
  high_assurance`;

export class PolicyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(one: AuthPolicy, nowS: number): Promise<void> {
    await this.#database.query(
      `insert into auth_policy (${COLUMNS}, created) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [one.id, one.owner, one.project, JSON.stringify(one.displayName), JSON.stringify(one.description),
        JSON.stringify(one.allowedDomains), JSON.stringify(one.excludedDomains), one.authTimeoutS, one.highAssurance,
        nowS],
    );
  }

  async find(id: string): Promise<AuthPolicy | undefined> {
    const [row] = await this.#database.query<PolicyRow>(`select ${COLUMNS} from auth_policy where id = $1`, [id]);
    return row && policyOf(row);
  }

  async list(owner: string): Promise<AuthPolicy[]> {
    const rows = await this.#database.query<PolicyRow>(
      `select ${COLUMNS} from auth_policy where owner = $1 order by created, id`, [owner],
    );
    return rows.map(policyOf);
  }

  async count(owner: string): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      'select count(*)::integer as count from auth_policy where owner = $1', [owner],
    );
    return row?.count ?? 0;
  }

  /** Endpoints that name it, at most so many. */
  async users(id: string, most: number): Promise<{ readonly id: string; readonly name: string }[]> {
    return await this.#database.query(
      'select id, name from endpoint where authentication_policy = $1 order by created limit $2', [id, most],
    );
  }

  async remove(id: string): Promise<void> {
    await this.#database.query('delete from auth_policy where id = $1', [id]);
  }
}

function policyOf(row: PolicyRow): AuthPolicy {
  return {
    id: row.id, owner: row.owner, project: row.project,
    // All four were written by `add`.
    displayName: JSON.parse(row.display_name) as string, description: JSON.parse(row.description) as string,
    allowedDomains: JSON.parse(row.allowed_domains) as string[],
    excludedDomains: JSON.parse(row.excluded_domains) as string[],
    authTimeoutS: row.auth_timeout, highAssurance: row.high_assurance,
  };
}
