// The web server: routes in, answers and refusals out.

import { randomUUID } from 'node:crypto';
import formbody from '@fastify/formbody';
import swagger from '@fastify/swagger';
import {
  fastify, type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifySchemaValidationError,
} from 'fastify';
import { failed, UUID_PATTERN } from '../common/api.ts';
import { ComputeError } from '../common/errors.ts';
import { formatJson, parseJson, type Json } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Doorkeeper } from './auth.ts';
import { failedBody, Refusal } from './refusal.ts';
import { RawAnswer, type Answer, type Call, type Route } from './route.ts';
import { isFull } from './storage-error.ts';

/** Ten megabytes of payload with all of their escapes, and then some. */
const BODY_BYTES_MAX = 48 * 1024 * 1024;
/** Longer than clients keep a connection, so that none is closed in the moment in which it is used again. */
const KEEP_ALIVE_MS = 75_000;
/** Members of a request that templates print: 1.0 is not 1 there. */
const TEMPLATE_VALUES = ['user_endpoint_config', 'user_runtime'];
const JSON_TYPE = 'application/json; charset=utf-8';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly version: string;
}

export class HttpServer {
  readonly #app: FastifyInstance;
  readonly #options: HttpOptions;

  private constructor(app: FastifyInstance, options: HttpOptions) {
    this.#app = app;
    this.#options = options;
  }

  static async make(
    options: HttpOptions, routes: readonly Route[], doorkeeper: Doorkeeper, log: Logger,
  ): Promise<HttpServer> {
    const app = fastify({
      bodyLimit: BODY_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS, genReqId: () => randomUUID(),
      ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
      routerOptions: { ignoreTrailingSlash: true },
      forceCloseConnections: 'idle',
    });
    app.setSerializerCompiler(() => (answer) => formatJson(answer as Json)); // every answer is an `Answer`
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser(
      'application/json', { parseAs: 'string' }, async (_: FastifyRequest, text: string) => parsed(text),
    );
    app.setErrorHandler((error, request, reply) => refuse(error, request, reply, log));
    app.setNotFoundHandler((request, reply) => refuse(
      new Refusal('ROUTE_NOT_FOUND', `there is no ${request.method} ${request.url.split('?', 1)[0]}`),
      request, reply, log,
    ));
    app.addHook('onSend', async (request, reply) => { reply.header('x-request-id', request.id); });
    await app.register(formbody);
    await app.register(swagger, { openapi: {
      info: { title: 'Switchyard', version: options.version },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    } });
    await app.register(async (scope) => {
      for (const route of routes) register(scope, route, doorkeeper);
      scope.get('/openapi.json', { schema: { hide: true } }, (_, reply) => {
        void reply.type(JSON_TYPE).send(JSON.stringify(app.swagger()));
      });
    });
    return new HttpServer(app, options);
  }

  /** The port that it listens at. Throws START_FAILED with what to do. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    try {
      await this.#app.listen({ host, port });
    } catch (cause) {
      const code = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
      const what = code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use: end what uses it, or choose another with --port`
        : code === 'EACCES' ? `port ${port} needs more rights: choose one above 1023 with --port`
          : `cannot listen at ${host}:${port}`;
      throw new ComputeError('START_FAILED', what, { cause });
    }
    const address = this.#app.server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Requests under way get their answers. Safe to call twice. */
  async close(): Promise<void> {
    await this.#app.close();
  }
}

function register(app: FastifyInstance, route: Route, doorkeeper: Doorkeeper): void {
  const { method, path, summary, hidden, schema: { body, query, answer } } = route;
  const id = { type: 'string', pattern: UUID_PATTERN };
  const params = { type: 'object', properties: { id } };
  app.route({
    method, url: path,
    schema: {
      summary, hide: hidden === true,
      ...body === undefined ? {} : { body },
      ...query === undefined ? {} : { querystring: query },
      ...path.includes(':id') ? { params } : {},
      response: { ...answer === undefined ? {} : { 200: answer }, '4xx': failed, '5xx': failed },
      ...route.access === 'user' ? { security: [{ bearer: [] }] } : {},
    },
    // Whoever may not ask learns nothing about what would have been answered, and sends no large body for nothing.
    onRequest: async (request) => { await admit(route, request, doorkeeper); },
    handler: async (request, reply) => {
      const call = callOf(request, reply);
      const given = route.access === 'user'
        ? await route.handle(call, await doorkeeper.user(request.headers.authorization, route.scope))
        : await route.handle(call);
      return send(reply, given);
    },
  });
}

async function admit(route: Route, request: FastifyRequest, doorkeeper: Doorkeeper): Promise<void> {
  switch (route.access) {
    case 'user':
      await doorkeeper.user(request.headers.authorization, route.scope);
      break;
    case 'admin':
      doorkeeper.admin(request.headers.authorization);
      break;
    case 'open':
      break;
  }
}

function callOf(request: FastifyRequest, reply: FastifyReply): Call<unknown> {
  const gone = new AbortController();
  const { raw } = reply;
  raw.once('close', () => { if (!raw.writableFinished) gone.abort(); });
  return {
    id: request.id,
    // The schemas say that they are texts.
    params: request.params as Record<string, string>,
    query: request.query as Record<string, string | undefined>,
    headers: request.headers as Record<string, string | undefined>,
    body: request.body,
    gone: gone.signal,
    onAnswered: (run) => { raw.once('finish', run); },
  };
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  if (answer instanceof RawAnswer) return reply.code(answer.status).headers(answer.headers).send(answer.text);
  return reply.type(JSON_TYPE).send(formatJson(answer));
}

function parsed(text: string): Json | undefined {
  if (text === '') return undefined;
  try {
    return parseJson(text, TEMPLATE_VALUES);
  } catch (cause) {
    throw new Refusal('REQUEST_MALFORMED', 'the body is not JSON', [], { cause });
  }
}

function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): void {
  const { validation } = error as { validation?: readonly FastifySchemaValidationError[] };
  if (validation !== undefined) {
    refuseInvalid(validation, (error as { validationContext?: string }).validationContext ?? 'body', request, reply);
    return;
  }
  const refusal = refusalOf(error, request);
  if (refusal.status >= 500) log.error({ err: error, request: request.id, path: request.url }, 'request failed');
  if (refusal.status === 401) reply.header('www-authenticate', 'Bearer');
  const retryAfterS = refusal.retryAfterS ?? (refusal.status === 503 ? 2 : undefined);
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  // What the client still sends is read and dropped: closed on, it would see a broken connection, and send it again.
  if (refusal.status === 413) reply.removeHeader('connection');
  void reply.code(refusal.status).type(JSON_TYPE).send(JSON.stringify(failedBody(refusal)));
}

/** As the field's framework words it: in the envelope on version 3, bare on version 2. */
function refuseInvalid(
  problems: readonly FastifySchemaValidationError[], where: string, request: FastifyRequest, reply: FastifyReply,
): void {
  if (where === 'params') {
    refuse(new Refusal('INVALID_UUID', 'the id in the path is not a UUID'), request, reply, silent);
    return;
  }
  const detail = problems.map(({ instancePath, keyword, message = keyword }) => ({
    loc: [where === 'querystring' ? 'query' : where, ...instancePath.split('/').slice(1)], msg: message, type: keyword,
  }));
  const body = request.url.startsWith('/v2/') ? { detail } : {
    ...failedBody(new Refusal('SEMANTICALLY_INVALID', '')), detail, reason: detail,
  };
  void reply.code(422).type(JSON_TYPE).send(JSON.stringify(body));
}

const silent = { error: () => { /* nothing failed on our side */ } } as unknown as Logger;

function refusalOf(error: unknown, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error;
  if (isFull(error)) {
    return new Refusal(
      'STORAGE_FULL', 'the service has no room left in its database: nothing was accepted', [], { cause: error },
    );
  }
  if (error instanceof ComputeError && ['BROKER_UNREACHABLE', 'PUBLISH_FAILED'].includes(error.code)) {
    return new Refusal(
      'BROKER_UNAVAILABLE', 'the service has lost its message broker: nothing was accepted', [], { cause: error },
    );
  }
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return tooLarge(request.url);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new Refusal('REQUEST_MALFORMED', 'the body is not what its headers say, or not JSON', [], { cause: error });
  }
  return new Refusal('INTERNAL_ERROR', 'the service failed; its log says why', [request.id], { cause: error });
}

function tooLarge(url: string): Refusal {
  const text = `the request is larger than ${BODY_BYTES_MAX} bytes`;
  if (url.includes('/submit')) return new Refusal('TASK_PAYLOAD_TOO_LARGE', text);
  return new Refusal(url.includes('/functions') ? 'FUNCTION_TOO_LARGE' : 'REQUEST_TOO_LARGE', text);
}
