// A message from the task queue → the tasks in it. The ledger keeps messages as they came, so this also reads what an
// earlier process has taken. Never throws: what comes over the wire may be anything.

import type { Delivery } from '../amqp/consumer.ts';
import { decodeMessage, type Refusal } from '../amqp/messages.ts';
import { readTaskHeaders } from '../amqp/task-headers.ts';
import { isUuid } from '../amqp/shape.ts';
import type { JsonObject } from '../common/json.ts';
import { pack, unpack } from '../common/packed.ts';

export interface ArrivedTask {
  readonly taskId: string;
  readonly functionId: string;
  /** The packed function, and its packed arguments. */
  readonly code: string;
  readonly payload: string;
  readonly resourceSpecification: JsonObject | undefined;
  readonly resultSerializers: readonly string[];
  /** The task group to whose stream the result can go straight. */
  readonly straightTo: string | undefined;
}

/** It cannot be run. Where it is known which task it was, somebody waits for an answer. */
export interface Unreadable {
  readonly type: 'unreadable';
  readonly taskId: string | undefined;
  readonly why: string;
}

type Message = Pick<Delivery, 'headers' | 'body'>;

export function readArrival({ headers, body }: Message): readonly ArrivedTask[] | Unreadable {
  const message = decodeMessage(body);
  if (message.type === 'task_bundle') {
    const { type: _, tasks, ...shared } = message;
    return tasks.map((task) => ({ ...task, ...shared }));
  }
  const named = headers['task_uuid'];
  const taskId = typeof named === 'string' && isUuid(named) ? named.toLowerCase() : undefined;
  if (message.type === 'refused') return unreadable(taskId, message);
  if (message.type !== 'task') return { type: 'unreadable', taskId, why: `it is a message of type ${message.type}` };
  const read = readTaskHeaders(headers);
  if ('reason' in read) return unreadable(taskId, read);
  const parts = split(message.taskBuffer);
  if (parts === undefined) return { type: 'unreadable', taskId, why: 'its function and arguments are cut short' };
  return [{ ...read, ...parts }];
}

/** A message as the ledger keeps it. */
export function writeArrival({ headers, body }: Message): Buffer {
  const text = Buffer.from(JSON.stringify(headers));
  const bytes = Buffer.allocUnsafe(4 + text.length + body.length);
  bytes.writeUInt32LE(text.length, 0);
  bytes.set(text, 4);
  bytes.set(body, 4 + text.length);
  return bytes;
}

export function readWritten(content: Uint8Array): Message {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const end = 4 + bytes.readUInt32LE(0);
  // Written by `writeArrival`, of headers that were an object.
  const headers = JSON.parse(bytes.toString('utf8', 4, end)) as Message['headers'];
  return { headers, body: bytes.subarray(end) };
}

/** The packed function in front, and what follows it. */
function split(buffer: string): { code: string; payload: string } | undefined {
  try {
    const [first, ...rest] = unpack(buffer);
    if (first === undefined || rest.length === 0) return undefined;
    const code = pack(first);
    return { code, payload: buffer.slice(code.length) };
  } catch {
    return undefined;
  }
}

function unreadable(taskId: string | undefined, { text }: Refusal): Unreadable {
  return { type: 'unreadable', taskId, why: text };
}
