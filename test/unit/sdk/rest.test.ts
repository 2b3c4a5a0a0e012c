import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Clock } from '../../../src/common/clock.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { Rest, type RestRequest } from '../../../src/sdk/rest.ts';
import { tokenSource } from '../../../src/sdk/credentials.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Seen { readonly method: string | undefined; readonly key: unknown; readonly body: string }

interface Desk extends AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[];
}

/** A server that answers each request with the next of these; the last for all that follow. */
async function serve(...answers: readonly Answer[]): Promise<Desk> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => { body += text; });
    request.on('end', () => {
      seen.push({ method: request.method, key: request.headers['idempotency-key'], body });
      answers[Math.min(seen.length, answers.length) - 1]?.(request, response);
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo; // it listens at a port
  return {
    url: `http://127.0.0.1:${port}`, seen,
    [Symbol.asyncDispose]: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
  };
}

const says = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => (_, response) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const hangsUp: Answer = ({ socket }) => { socket.destroy(); };
const OK = says(200, { fine: true });
const BUSY = says(503, { code: 'BROKER_UNAVAILABLE', detail: 'busy' }, { 'retry-after': '2' });

/** Sleeps at once, and remembers for how long it was to be. */
class Sleeps implements Clock {
  readonly sleeps: number[] = [];
  #now = 0;
  now(): number { return this.#now; }
  async sleep(ms: number): Promise<void> {
    this.sleeps.push(ms);
    this.#now += ms;
  }
  every(): () => void { return () => { /* nothing was begun */ }; }
}

const GET: RestRequest = { what: 'look', method: 'GET', path: '/x' };
const POST: RestRequest = { what: 'do it', method: 'POST', path: '/x', body: { a: 1 } };
const rest = (url: string, clock: Clock = new Sleeps(), timeoutMs = 10_000): Rest =>
  new Rest({ url, tokens: tokenSource(url, 'secret'), clock, timeoutMs });

async function failureOf(promise: Promise<unknown>): Promise<ComputeError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof ComputeError);
  assert.doesNotMatch(`${error.message} ${JSON.stringify(error.details)}`, /secret/);
  return error;
}

test('what may be repeated is, as late as the service says', async () => {
  await using desk = await serve(BUSY, hangsUp, OK);
  const clock = new Sleeps();
  assert.deepEqual(await rest(desk.url, clock).ask({ ...POST, key: 'name' }), { fine: true });
  assert.deepEqual(desk.seen, Array.from({ length: 3 }, () => ({ method: 'POST', key: 'name', body: '{"a":1}' })));
  assert.ok((clock.sleeps[0] ?? 0) >= 2000 && (clock.sleeps[1] ?? 0) < 2000);
});

test('what may not be repeated is sent once', async () => {
  for (const [answer, code] of [[BUSY, 'SERVICE_FAILED'], [hangsUp, 'SERVICE_UNREACHABLE']] as const) {
    await using desk = await serve(answer);
    assert.equal((await failureOf(rest(desk.url).ask(POST))).code, code);
    assert.equal(desk.seen.length, 1);
  }
});

test('patience has an end', async () => {
  await using desk = await serve(BUSY);
  const clock = new Sleeps();
  const error = await failureOf(rest(desk.url, clock).ask({ ...GET, patienceMs: 5000 }));
  assert.deepEqual([error.code, error.details['status'], error.details['code']],
    ['SERVICE_FAILED', 503, 'BROKER_UNAVAILABLE']);
  assert.equal(desk.seen.length, 4);
});

test('a refusal has the service’s status, code and words', async () => {
  const body = { status: 'Failed', code: 'ENDPOINT_NOT_FOUND', detail: 'Endpoint x could not be resolved' };
  await using desk = await serve(says(404, body, { 'x-request-id': 'r1' }));
  const error = await failureOf(rest(desk.url).ask(GET));
  assert.equal(error.message,
    `could not look: the service at ${desk.url} refused: Endpoint x could not be resolved`);
  assert.deepEqual([error.code, error.details],
    ['SERVICE_REFUSED', { status: 404, code: 'ENDPOINT_NOT_FOUND', requestId: 'r1' }]);
});

test('a list of problems is told with their places, and an answer of anything says at least its status', async () => {
  await using desk = await serve(
    says(422, { detail: [{ loc: ['body', 'tasks'], msg: 'must be object', type: 'type' }] }),
    says(418, '<html>', { 'content-type': 'text/html' }), says(400, '{"detail":'), says(200, '<html>'),
  );
  const said = async (): Promise<string> => (await failureOf(rest(desk.url).ask(GET))).message;
  assert.match(await said(), /refused: body\.tasks must be object$/);
  assert.match(await said(), /refused: it answered with status 418$/);
  assert.match(await said(), /refused: it answered with status 400$/);
  assert.match(await said(), /is not the service: its answer is not JSON$/);
});

test('an unknown token is said to need a log-in', async () => {
  await using desk = await serve(says(401, { code: 'USER_UNAUTHENTICATED', detail: 'no' }));
  const error = await failureOf(rest(desk.url).ask(GET));
  assert.match(error.message, /does not know this token: log in again with switchyard login/);
  assert.deepEqual([error.code, desk.seen.length], ['LOGIN_NEEDED', 1]);
});

test('a token that was refused is asked for again, once', async () => {
  await using desk = await serve(says(401, {}), OK);
  const tokens = ['old', 'new'];
  const source = { token: () => Promise.resolve(tokens[0] ?? ''), forget: () => tokens.shift() === 'old' };
  assert.deepEqual(await new Rest({ url: desk.url, tokens: source }).ask(POST), { fine: true });
  assert.equal(desk.seen.length, 2);
});

test('a service that does not answer, and one that is not there, are told apart', async () => {
  await using desk = await serve(() => { /* never */ });
  const silent = await failureOf(rest(desk.url, new Sleeps(), 50).ask(POST));
  assert.match(silent.message, /did not answer within 0\.05 s/);
  const gone = await failureOf(rest('http://127.0.0.1:1').ask(POST));
  assert.match(gone.message, /could not do it: the service at http:\/\/127\.0\.0\.1:1 cannot be reached/);
  assert.deepEqual([silent.code, gone.code], ['SERVICE_UNREACHABLE', 'SERVICE_UNREACHABLE']);
});

test('an abort ends it with its reason', async () => {
  await using desk = await serve(() => { /* never */ });
  const stop = new AbortController();
  const asking = rest(desk.url).ask({ ...GET, signal: stop.signal });
  const reason = new Error('enough');
  stop.abort(reason);
  await assert.rejects(asking, reason);
});
