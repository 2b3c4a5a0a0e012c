// HTTP as it leaves this process. Node's own requests and not its fetch, which takes four times the processor time for
// one, and so is slower than the service.

import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** It was not answered in time. */
export class NoAnswer extends Error {}

/** An answer larger than this is not the service's. */
const ANSWER_CHARS_MAX = 512 * 1024 * 1024;
const AGENT = { keepAlive: true, noDelay: true, scheduling: 'fifo' } as const;

/** Keeps connections, none of which keeps the process alive. */
export class Http {
  readonly #plain = new HttpAgent(AGENT);
  readonly #secure = new HttpsAgent(AGENT);

  /** Rejects with NoAnswer, with the signal's reason, or with what the system says. */
  send({ method, url, headers, body, timeoutMs, signal }: HttpRequest): Promise<HttpReply> {
    const to = new URL(url);
    const isSecure = to.protocol === 'https:';
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { method, headers: { ...headers, ...length } };
    return new Promise((resolve, reject) => {
      const request = isSecure ? httpsRequest(to, { ...options, agent: this.#secure })
        : httpRequest(to, { ...options, agent: this.#plain });
      const onAbort = (): void => { request.destroy(signal?.reason as Error); }; // whatever it is, it is the reason
      const timer = setTimeout(() => request.destroy(new NoAnswer()), timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      request.on('error', (error) => {
        done();
        reject(error);
      });
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
          if (text.length > ANSWER_CHARS_MAX) request.destroy(new Error('the answer is too large'));
        });
        response.on('error', (error) => {
          done();
          reject(error);
        });
        response.on('end', () => {
          done();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      request.end(body);
    });
  }
}
