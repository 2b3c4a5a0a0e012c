// Where the service keeps everything: PostgreSQL's dialect, spoken by a server or by the one that runs inside of us.

export type Scalar = string | number | boolean | null;
/** Arrays travel as columns: many rows in one statement. */
export type Value = Scalar | readonly Scalar[];

/**
 * Every column comes as text, number (double precision and int), boolean or null, so that both implementations agree:
 * JSON is kept as text, times as double precision seconds since 1970.
 */
export interface Database {
  /**
   * One of a fixed number of statements, which are prepared: what varies is in `values`. `Row` is what the statement
   * selects: the statement and the type stand side by side in the store.
   */
  query<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** Several statements without values, in one transaction. */
  script(sql: string): Promise<void>;
  /** Gives the space of deleted rows back, where nobody else does it. */
  tidy(): Promise<void>;
  /** Throws STORAGE_FAILED with `details.reason` 'full' when there is no room for so many bytes more. */
  reserve(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Statements find rows by their keys. Until a table has been analysed PostgreSQL takes it for nearly empty and reads
 * all of it instead, so that each write costs more than the one before. So there is one plan for a statement, whatever
 * its values are, and none is made twice.
 */
export const PLANNER: Readonly<Record<string, string>> = {
  enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off', plan_cache_mode: 'force_generic_plan',
};

export interface DatabaseOptions {
  /** postgres://…; null: embedded, in `directory`. */
  readonly url: string | null;
  readonly directory: string;
  /** Embedded: so much is left free for results when submissions are refused already. */
  readonly reserveBytes: number;
}
