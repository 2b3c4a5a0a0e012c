// The contract of this room: one manager command → the script text that starts it on every node of a block. Pure.

/** What a block looks like: how many nodes, and how many managers on each. */
export interface Shape {
  readonly nodes: number;
  readonly managersPerNode: number;
}

/**
 * Turns the command that starts one manager, one simple shell command with quoted words, into the shell text (bash,
 * from 4.4) that starts it wherever the block has nodes.
 */
export interface Launcher {
  /** The field's name of it, as written under `type`. */
  readonly type: string;
  /**
   * Shell text that ends when the last manager ended; one that ends early takes no other with it. Its exit status is
   * the worst of the managers' statuses, unless an option of the launcher says otherwise; a SIGTERM to the shell, or
   * to its process group, reaches every manager on every node.
   */
  wrap(command: string, shape: Shape): string;
}
