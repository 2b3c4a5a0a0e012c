// What a route is, whatever serves it.

import type { ApiSchema } from '../common/api.ts';
import type { JsonObject } from '../common/json.ts';
import type { Caller } from './auth.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface RouteSchema {
  readonly body?: ApiSchema;
  readonly query?: ApiSchema;
  /** Of the answer with status 200. */
  readonly answer?: ApiSchema;
}

export interface Call<Body> {
  /** A UUID, in the answer's header as well. */
  readonly id: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Body;
  /** Aborts when the client goes away before it has the whole answer. */
  readonly gone: AbortSignal;
  /** Called once the whole answer is on its way. Not at all if the client went away. */
  onAnswered(run: () => void): void;
}

/** A document, or anything else with its type. */
export type Answer = JsonObject | readonly JsonObject[] | string | RawAnswer;

export class RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;

  constructor(status: number, headers: Readonly<Record<string, string>>, text: string) {
    this.status = status;
    this.headers = headers;
    this.text = text;
  }
}

interface RouteBase {
  readonly method: Method;
  /** With `:id` for a part that varies. */
  readonly path: string;
  readonly summary: string;
  readonly schema: RouteSchema;
  /** Left out of the OpenAPI document. */
  readonly hidden?: true;
}

/** Handlers are methods: one that takes a certain body is a route like any other, as its schema sees to the body. */
export interface OpenRoute extends RouteBase {
  readonly access: 'open';
  handle(call: Call<unknown>): Promise<Answer> | Answer;
}

export interface UserRoute extends RouteBase {
  readonly access: 'user';
  /** A token of this scope does as well as one for the service. */
  readonly scope?: string;
  handle(call: Call<unknown>, identity: Caller): Promise<Answer> | Answer;
}

/** For the command line on this machine. */
export interface AdminRoute extends RouteBase {
  readonly access: 'admin';
  handle(call: Call<unknown>): Promise<Answer> | Answer;
}

export type Route = OpenRoute | UserRoute | AdminRoute;

/** The parameter, in lower case, as ids are compared. The routes check that it is a UUID. */
export function idIn(call: Call<unknown>): string {
  return (call.params['id'] ?? '').toLowerCase();
}
