/** How much a section may spend, and how it is stopped. */
export interface Effort {
  /** A short version: fewer and smaller repetitions, the same definitions. */
  readonly quick: boolean;
  /** The Python for a peer's virtual environment; undefined takes the first that works. */
  readonly python: string | undefined;
  /** The peer to set beside ours; undefined: none. */
  readonly peer: 'parsl' | 'agent' | undefined;
  /** Of the Slurm cluster; undefined: its default. */
  readonly partition: string | undefined;
  /** Of a PostgreSQL server, to measure the service with beside its embedded database; undefined: none. */
  readonly databaseUrl: string | undefined;
  /** Where run folders of measured engines go; removed when the bench ends. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** One line for whoever waits. */
  readonly progress: (text: string) => void;
}
