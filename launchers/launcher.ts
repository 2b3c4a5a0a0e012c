// The contract of this room: one manager command → the script text that starts it on every node of a block. Pure.

/** What a block looks like: how many nodes, and how many managers on each. */
export interface Shape {
  readonly nodes: number;
  readonly managersPerNode: number;
}

/** Turns the command that starts one manager into shell text that starts it wherever the block has nodes. */
export interface Launcher {
  /** The field's name of it, as written under `type`. */
  readonly type: string;
  /** Shell text. Its exit status is the worst of the managers' statuses; a SIGTERM reaches every manager. */
  wrap(command: string, shape: Shape): string;
}
