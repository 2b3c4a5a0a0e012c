// What a message of a manager must look like. Managers run beside their users' code, so nothing that one says is
// believed unseen: what passes here has the types that protocol.ts promises, in bounds that the rest can rely on.

import type { FromManager, Hops, ResultBatch } from '../../src/common/protocol.ts';

type Check = (value: unknown) => boolean;
/** A check for every field that the type has. */
type Checks<Message> = { readonly [Field in keyof Message]-?: Check };
type Table = readonly (readonly [field: string, check: Check])[];

/** More slots than any node has cores. */
const SLOTS_MAX = 65_536;
/** More than the largest prefetch that can be configured. */
const WINDOW_MAX = 10_000_000;
const NAME_CHARS_MAX = 255;

const whole = (least: number, most: number): Check => (value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
const finite: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const truth: Check = (value) => typeof value === 'boolean';
const name: Check = (value) => typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX;
const optional = (check: Check): Check => (value) => value === undefined || check(value);
const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);
const table = <T>(checks: Checks<T>): Table => Object.entries<Check>(checks);
const record = <T>(checks: Checks<T>): Check => {
  const fields = table(checks);
  return (value) => typeof value === 'object' && value !== null && firstWrong(fields, value) === undefined;
};

const count = whole(0, Number.MAX_SAFE_INTEGER);
const ids = listOf(whole(1, Number.MAX_SAFE_INTEGER));

const hops = record<Hops>({
  submittedAtMs: finite, sentAtMs: finite, queuedAtMs: finite, dispatchedAtMs: finite, receivedAtMs: finite,
});

const resultBatch = record<ResultBatch>({
  count, attempt: whole(1, Number.MAX_SAFE_INTEGER), buffers: count, failures: truth, worker: whole(0, SLOTS_MAX),
  startedAtMs: finite, returnedAtMs: finite, hops,
  // Written by the interchange over whatever a manager says.
  manager: () => true, forwardedAtMs: () => true,
});

type Of<Type extends FromManager['type']> = Omit<Extract<FromManager, { type: Type }>, 'type'>;

const CHECKS: { readonly [Type in FromManager['type']]: Table } = {
  register: table<Of<'register'>>({
    version: finite, manager: name, block: name, node: name, pid: count, slots: whole(1, SLOTS_MAX),
    workers: optional(whole(1, SLOTS_MAX)), window: whole(0, WINDOW_MAX), nodeVersion: name, cores: finite,
    memoryMiB: finite, endsAtMs: optional(finite),
    draining: truth, held: ids, batches: listOf(resultBatch),
  }),
  results: table<Of<'results'>>({ window: whole(0, WINDOW_MAX), batches: listOf(resultBatch) }),
  returned: table<Of<'returned'>>({ ids }),
  heartbeat: [],
  draining: [],
  drained: [],
};

/** What is wrong with a message, in words; undefined for one of ours. */
export function faultOf(message: { readonly type: string; readonly [field: string]: unknown }): string | undefined {
  if (!isType(message.type)) return `an unknown type ${JSON.stringify(message.type.slice(0, NAME_CHARS_MAX))}`;
  const field = firstWrong(CHECKS[message.type], message);
  return field === undefined ? undefined : `a ${message.type} message with a bad ${field}`;
}

/** Whether a column of ids can be one: the task table counts on whole numbers. */
export function areIds(column: Float64Array): boolean {
  for (let i = 0; i < column.length; i++) {
    const id = column[i] ?? 0;
    if (!(id >= 1 && Number.isSafeInteger(id))) return false;
  }
  return true;
}

function isType(type: string): type is FromManager['type'] {
  return Object.hasOwn(CHECKS, type);
}

function firstWrong(checks: Table, message: object): string | undefined {
  const fields = message as Record<string, unknown>; // as any object may be read
  for (const [field, check] of checks) if (!check(fields[field])) return field;
  return undefined;
}
