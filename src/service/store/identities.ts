import type { Database } from '../database.ts';

export interface Identity {
  readonly id: string;
  readonly username: string;
  readonly fullName: string;
  readonly email: string;
}

/** What a token is for: only a `personal` one is made by an administrator and held by a person. */
export type TokenKind = 'personal' | 'access' | 'refresh' | 'code';

export interface StoredToken {
  readonly id: string;
  readonly digest: string;
  readonly identity: string;
  readonly kind: TokenKind;
  /** The OAuth client that asked for it; '' for a personal one. */
  readonly client: string;
  readonly scope: string;
  /** All that came from one log-in, or from one personal token: withdrawn together. */
  readonly family: string;
  /** JSON: what a code has to be redeemed with. */
  readonly note: string;
  /** When a person last proved who it is: at the log-in that this came from, or when a personal one was given out. */
  readonly authenticatedS: number;
  readonly createdS: number;
  readonly expiresS: number;
}

export interface FoundToken extends StoredToken {
  readonly owner: Identity;
}

interface IdentityRow {
  readonly id: string; readonly username: string; readonly full_name: string; readonly email: string;
}

interface TokenRow {
  readonly id: string; readonly digest: string; readonly kind: TokenKind; readonly client: string;
  readonly scope: string; readonly family: string; readonly note: string; readonly authenticated: number;
  readonly created: number; readonly expires: number; readonly identity: string; readonly username: string;
  readonly full_name: string; readonly email: string;
}

export interface ListedIdentity extends Identity {
  readonly createdS: number;
  readonly tokens: readonly { readonly id: string; readonly createdS: number; readonly expiresS: number }[];
}

const TOKEN = `token.id, digest, kind, client, scope, family, note, authenticated, token.created, expires, identity,
  username, full_name, email from token join identity on identity.id = token.identity`;

export class IdentityStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** False when the name is taken. */
  async add({ id, username, fullName, email }: Identity, nowS: number): Promise<boolean> {
    const rows = await this.#database.query(
      `insert into identity (id, username, full_name, email, created) values ($1, $2, $3, $4, $5)
        on conflict (username) do nothing returning id`, [id, username, fullName, email, nowS],
    );
    return rows.length > 0;
  }

  async byName(username: string): Promise<Identity | undefined> {
    const [row] = await this.#database.query<IdentityRow>(
      'select id, username, full_name, email from identity where username = $1', [username],
    );
    return row && identityOf(row);
  }

  async byId(id: string): Promise<Identity | undefined> {
    const [row] = await this.#database.query<IdentityRow>(
      'select id, username, full_name, email from identity where id = $1', [id],
    );
    return row && identityOf(row);
  }

  async list(nowS: number): Promise<ListedIdentity[]> {
    const people = await this.#database.query<IdentityRow & { readonly created: number }>(
      'select id, username, full_name, email, created from identity order by username',
    );
    const tokens = await this.#database.query<{ id: string; identity: string; created: number; expires: number }>(
      `select id, identity, created, expires from token where kind = 'personal' and expires > $1 order by created`, [
        nowS,
      ],
    );
    return people.map((one) => ({
      ...identityOf(one), createdS: one.created,
      tokens: tokens.filter(({ identity }) => identity === one.id)
        .map(({ id, created, expires }) => ({ id, createdS: created, expiresS: expires })),
    }));
  }

  /** With all of its tokens. */
  async remove(id: string): Promise<void> {
    await this.#database.query('delete from identity where id = $1', [id]);
  }

  async addTokens(tokens: readonly StoredToken[]): Promise<void> {
    const column = <T extends string | number>(of: (token: StoredToken) => T): T[] => tokens.map(of);
    await this.#database.query(
      `insert into token (digest, id, identity, kind, client, scope, family, note, authenticated, created, expires)
        select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[],
          $8::text[], $9::double precision[], $10::double precision[], $11::double precision[])`,
      [column((t) => t.digest), column((t) => t.id), column((t) => t.identity), column((t) => t.kind),
        column((t) => t.client), column((t) => t.scope), column((t) => t.family), column((t) => t.note),
        column((t) => t.authenticatedS), column((t) => t.createdS), column((t) => t.expiresS)],
    );
  }

  async token(digest: string, nowS: number): Promise<FoundToken | undefined> {
    const [row] = await this.#database.query<TokenRow>(
      `select ${TOKEN} where digest = $1 and expires > $2`, [digest, nowS],
    );
    return row && foundToken(row);
  }

  /** Gives it out to one asker and to nobody after that. */
  async takeToken(digest: string): Promise<boolean> {
    return (await this.#database.query('delete from token where digest = $1 returning id', [digest])).length > 0;
  }

  /** Of those that programs get by themselves; a personal one is withdrawn by an administrator only. */
  async giveBack(digest: string): Promise<void> {
    await this.#database.query("delete from token where digest = $1 and kind <> 'personal'", [digest]);
  }

  /** The token with this id and whatever came from it. The number of those withdrawn. */
  async revoke(id: string): Promise<number> {
    const rows = await this.#database.query(
      'delete from token where family in (select family from token where id = $1) returning id', [id],
    );
    return rows.length;
  }

  /** Of several services that start for the first time on one database, all get the same. */
  async setting(name: string, make: () => Promise<string>): Promise<string> {
    const read = 'select value from setting where name = $1';
    const [before] = await this.#database.query<{ value: string }>(read, [name]);
    if (before !== undefined) return before.value;
    await this.#database.query('insert into setting values ($1, $2) on conflict do nothing', [name, await make()]);
    const [after] = await this.#database.query<{ value: string }>(read, [name]);
    if (after === undefined) throw new Error(`the setting ${name} was not kept`);
    return after.value;
  }

  async sweep(nowS: number): Promise<void> {
    await this.#database.query('delete from token where expires < $1', [nowS]);
  }
}

function identityOf({ id, username, full_name: fullName, email }: IdentityRow): Identity {
  return { id, username, fullName, email };
}

function foundToken(row: TokenRow): FoundToken {
  const { id, digest, kind, client, scope, family, note, identity, authenticated, created, expires } = row;
  return {
    id, digest, kind, client, scope, family, note, identity, authenticatedS: authenticated, createdS: created,
    expiresS: expires, owner: { id: identity, username: row.username, fullName: row.full_name, email: row.email },
  };
}
