// Python functions as they travel through an engine: the field's SDK has packed them, and nobody on the way opens them.

/** A Python function as the field's SDK serialises it. Its tasks' arguments are a `PythonCall`. */
export interface PythonDefinition {
  readonly form: 'python';
  readonly name: string;
  /** The packed function: what the service has registered. */
  readonly code: string;
  /** Import paths of the SDK's serializers for the result, in the order of preference. Empty: the SDK's own. */
  readonly resultSerializers: readonly string[];
  /** What may be deserialised, as `allowed_serializers` of an engine block. Empty: everything. */
  readonly allowedSerializers: readonly string[];
  /** Where its tasks run. Absolute. */
  readonly directory: string;
  /** Each task in a directory of its own under that one. */
  readonly sandbox: boolean;
}

/** A Python task's arguments: the field's id of the task, and arguments and keyword arguments packed by the SDK. */
export type PythonCall = readonly [taskId: string, payload: string];

/**
 * What a Python task's result is, also when the function raised: then `data` is the text for the user and `failure` is
 * there. A task whose interpreter ended, or never started, fails as other tasks do.
 */
export interface PythonResult {
  readonly data: string;
  readonly failure?: { readonly code: string; readonly message: string };
  /** os, python_version, dill_version, globus_compute_sdk_version. */
  readonly details: Readonly<Record<string, string>>;
  /** Since 1970. */
  readonly startedNs: bigint;
  readonly endedNs: bigint;
}
