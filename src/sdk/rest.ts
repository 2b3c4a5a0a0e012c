// One request to the service and its answer. Whatever goes wrong comes back as a ComputeError that says what was asked,
// of whom, and what the service said.

import { backOffMs } from '../amqp/back-off.ts';
import { systemClock, type Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { formatJson, isJsonObject, parseJson, type Json } from '../common/json.ts';
import { Http, NoAnswer, type HttpReply } from './http.ts';
import type { TokenSource } from './tokens.ts';

export interface RestOptions {
  /** Where the service is, without the paths of its routes. */
  readonly url: string;
  readonly tokens: TokenSource;
  /** How long one attempt may take. Default: a minute, within which the service answers everything. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export interface RestRequest {
  /** What the service is asked to do, for messages: "submit tasks". */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  /** In place of a body: one that is written already. */
  readonly text?: string;
  /** The request's name: the service answers it once, however often it comes. */
  readonly key?: string;
  /** It changes nothing, or nothing more when it comes again. Default: for every method but POST, and with a key. */
  readonly repeatable?: boolean;
  /** For how long a request that may be is repeated. Default: ten seconds. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 60_000;
const PATIENCE_MS = 10_000;
/** The service, or what stands in front of it, cannot do it now. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const RETRY_AFTER_MAX_MS = 30_000;

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly isJson: boolean;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number;
}

export class Rest {
  readonly url: string;
  readonly #tokens: TokenSource;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #http = new Http();

  constructor({ url, tokens, timeoutMs = TIMEOUT_MS, clock = systemClock }: RestOptions) {
    this.url = url.replace(/\/+$/, '');
    this.#tokens = tokens;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /**
   * The answer's document. Rejects with SERVICE_UNREACHABLE, SERVICE_REFUSED, SERVICE_FAILED or LOGIN_NEEDED; with the
   * signal's reason when that aborts.
   */
  async ask(request: RestRequest): Promise<Json> {
    const { method, key, repeatable = method !== 'POST' || key !== undefined, patienceMs = PATIENCE_MS } = request;
    const until = this.#clock.now() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(request, attempt === 0);
      const mayRepeat = repeatable && this.#clock.now() < until;
      if (outcome instanceof ComputeError) {
        if (!mayRepeat) throw outcome;
      } else if (!BUSY.has(outcome.status) || !mayRepeat) {
        return this.#read(request, outcome);
      }
      const waitMs = outcome instanceof ComputeError ? 0 : outcome.retryAfterMs;
      await this.#clock.sleep(Math.max(backOffMs(attempt), waitMs), request.signal);
      request.signal?.throwIfAborted();
    }
  }

  /** With a fresh token where the one at hand is refused and another can be had: a refused request did nothing. */
  async #attempt(request: RestRequest, first: boolean): Promise<Reply | ComputeError> {
    const token = await this.#tokens.token();
    const reply = await this.#send(request, token, first);
    if (reply instanceof ComputeError || reply.status !== 401 || !this.#tokens.forget(token)) return reply;
    return this.#send(request, await this.#tokens.token(), first);
  }

  async #send(request: RestRequest, token: string, first: boolean): Promise<Reply | ComputeError> {
    const { what, method, path, key, signal } = request;
    signal?.throwIfAborted();
    const body = request.body === undefined ? request.text : formatJson(request.body);
    try {
      return replyOf(await this.#http.send({
        method, url: this.url + path, body, timeoutMs: this.#timeoutMs, signal,
        headers: {
          authorization: `Bearer ${token}`, accept: 'application/json',
          ...body === undefined ? {} : { 'content-type': 'application/json' },
          // The service need not look for another of this name.
          ...key === undefined ? {} : { 'idempotency-key': key, ...first ? { 'idempotency-first': 'true' } : {} },
        },
      }));
    } catch (cause) {
      signal?.throwIfAborted();
      const why = cause instanceof NoAnswer ? `did not answer within ${this.#timeoutMs / 1000} s` : 'cannot be reached';
      return new ComputeError('SERVICE_UNREACHABLE',
        `could not ${what}: the service at ${this.url} ${why}: is it running, and is its address right?`, { cause });
    }
  }

  #read({ what }: RestRequest, reply: Reply): Json {
    if (reply.status < 200 || reply.status >= 300) throw refusalOf(reply, what, this.url);
    try {
      return parseJson(reply.text);
    } catch (cause) {
      throw new ComputeError('SERVICE_FAILED',
        `could not ${what}: what answers at ${this.url} is not the service: its answer is not JSON`, { cause });
    }
  }
}

function replyOf({ status, headers, text }: HttpReply): Reply {
  const retryAfterS = Number(headers['retry-after'] ?? 0);
  const requestId = headers['x-request-id'];
  return {
    status, text, isJson: headers['content-type']?.includes('json') ?? false,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    retryAfterMs: retryAfterS > 0 ? Math.min(retryAfterS * 1000, RETRY_AFTER_MAX_MS) : 0,
  };
}

function refusalOf({ status, text, isJson, requestId }: Reply, what: string, url: string): ComputeError {
  const body = isJson ? documentIn(text) : undefined;
  const fields = isJsonObject(body) ? body : {};
  const said = wordsOf(fields['detail'] ?? fields['message'] ?? fields['reason'] ?? fields['error_description']);
  const { code } = fields;
  const details = { status, ...typeof code === 'string' && { code }, ...requestId !== undefined && { requestId } };
  const words = said ?? `it answered with status ${status}`;
  if (status === 401) {
    return new ComputeError('LOGIN_NEEDED',
      `could not ${what}: the service at ${url} does not know this token: log in again with switchyard login`,
      { details });
  }
  const isRefusal = status < 500;
  return new ComputeError(isRefusal ? 'SERVICE_REFUSED' : 'SERVICE_FAILED',
    `could not ${what}: the service at ${url} ${isRefusal ? 'refused' : 'failed'}: ${words}`, { details });
}

function documentIn(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // a half sent answer: its status says enough
  }
}

/** The service's text; of a list of problems with the request, each with its place. */
function wordsOf(detail: Json | undefined): string | undefined {
  if (typeof detail === 'string') return detail;
  if (!Array.isArray(detail)) return undefined;
  return detail.filter(isJsonObject)
    .map(({ loc, msg }) => `${Array.isArray(loc) ? loc.join('.') : ''} ${typeof msg === 'string' ? msg : ''}`.trim())
    .join('; ');
}
