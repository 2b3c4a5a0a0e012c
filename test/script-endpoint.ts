// An endpoint that runs JavaScript in this process, in the place of a real one.

import type { ResultMessage } from '../src/amqp/messages.ts';
import { ComputeError } from '../src/common/errors.ts';
import { readBytes, readFunction, writeFailure, writeValue } from '../src/common/javascript.ts';
import { readItem, unpack } from '../src/common/packed.ts';
import { decodePayload, encodeFailure, encodePayload } from '../src/common/payload.ts';
import type { StandInEndpoint } from './stand-in-endpoint.ts';

export interface Ran {
  /** How many tasks came, with those that came again. */
  count: number;
}

/** Serves until `endpoint` is closed. `hold` may keep a task from being answered. */
export async function serveScripts(
  endpoint: StandInEndpoint, hold: (taskId: string) => Promise<void> = () => Promise.resolve(),
): Promise<Ran> {
  const ran: Ran = { count: 0 };
  const answer = async (taskId: string, code: string, payload: string): Promise<void> => {
    ran.count++;
    await hold(taskId);
    await endpoint.result(await resultOf(taskId, code, payload));
  };
  await endpoint.messages((message) => {
    if (message.type === 'task') {
      const [code = '', ...rest] = unpack(message.taskBuffer);
      void answer(message.taskId, code, rest[0] ?? '');
    } else if (message.type === 'task_bundle') {
      const [code = ''] = unpack(message.code);
      for (const { taskId, payload } of message.tasks) void answer(taskId, code, unpack(payload)[0] ?? '');
    }
  });
  return ran;
}

async function resultOf(taskId: string, code: string, argument: string): Promise<ResultMessage> {
  const startedNs = BigInt(Date.now()) * 1_000_000n;
  const times = [
    { timestampNs: startedNs, state: 'execution-start', actor: 'worker' },
    { timestampNs: startedNs + 1_000_000n, state: 'execution-end', actor: 'worker' },
  ] as const;
  const result = { type: 'result', taskId, details: { os: 'Test' }, transitions: times } as const;
  try {
    const definition = readFunction(code);
    const item = readItem(argument);
    if (definition?.form !== 'source' || item === undefined) throw new ComputeError('BAD_MESSAGE', 'no JavaScript');
    const { bytes, buffers } = readBytes(item.body);
    // oxlint-disable-next-line typescript/no-implied-eval -- as a worker does it
    const run = new Function(`return (${definition.source}\n)`)() as (...args: unknown[]) => unknown;
    const value = await run(...decodePayload(bytes, buffers) as unknown[]);
    return { ...result, data: writeValue(encodePayload(value)), error: undefined };
  } catch (error) {
    const failure = encodeFailure(error, error instanceof ComputeError ? error.code : 'TASK_RAISED');
    return {
      ...result, data: writeFailure(encodePayload(failure)),
      error: { code: failure.code, userMessage: 'the task failed' },
    };
  }
}
