// Tokens for one service, and the programs that get theirs from it by themselves.

import { ComputeError } from '../common/errors.ts';
import { Http, type HttpReply } from './http.ts';

/** Where tokens for one service come from. */
export interface TokenSource {
  /** Rejects with LOGIN_NEEDED when there is none. */
  token(): Promise<string>;
  /** The service does not know this one. True when `token` may have another now. */
  forget(token: string): boolean;
}

/** What the field calls the right to use the service. */
const SCOPE = 'https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all';
/** A token is renewed so long before it ends. */
const RENEW_MS = 60_000;
const TIMEOUT_MS = 30_000;

/** Asks the service for tokens with a client's id and secret. */
export class ClientTokens implements TokenSource {
  readonly #url: string;
  readonly #basic: string;
  readonly #http = new Http();
  #current: { readonly token: Promise<string>; renewAtMs: number } | undefined;
  #known: string | undefined;

  constructor(url: string, id: string, secret: string) {
    this.#url = url;
    this.#basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
  }

  token(): Promise<string> {
    if (this.#current !== undefined && this.#current.renewAtMs > Date.now()) return this.#current.token;
    const current = { token: this.#ask(), renewAtMs: Infinity };
    this.#current = current;
    current.token.catch(() => { if (this.#current === current) this.#current = undefined; });
    return current.token;
  }

  forget(token: string): boolean {
    if (this.#known === token) {
      this.#current = undefined;
      this.#known = undefined;
    }
    return true;
  }

  async #ask(): Promise<string> {
    const { status, text } = await this.#post();
    const fields = new Map<string, unknown>(Object.entries(documentIn(text) ?? {}));
    const [token, seconds] = [fields.get('access_token'), fields.get('expires_in')];
    if (status !== 200 || typeof token !== 'string') {
      const said = fields.get('error_description');
      throw new ComputeError(status < 500 ? 'LOGIN_NEEDED' : 'SERVICE_FAILED',
        `the service at ${this.#url} gave no token to client GLOBUS_COMPUTE_CLIENT_ID: ${
          typeof said === 'string' ? said : `it answered with status ${status}`}`, { details: { status } });
    }
    this.#known = token;
    if (this.#current !== undefined && typeof seconds === 'number') {
      this.#current.renewAtMs = Date.now() + Math.max(seconds * 1000 - RENEW_MS, (seconds * 1000) / 2);
    }
    return token;
  }

  async #post(): Promise<HttpReply> {
    try {
      return await this.#http.send({
        method: 'POST', url: `${this.#url}/v2/oauth2/token`, timeoutMs: TIMEOUT_MS,
        headers: {
          authorization: `Basic ${this.#basic}`, accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: SCOPE }).toString(),
      });
    } catch (cause) {
      throw new ComputeError('SERVICE_UNREACHABLE',
        `could not get a token: the service at ${this.#url} cannot be reached: is it running, and is its address `
        + 'right?', { cause });
    }
  }
}

function documentIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // its status says enough
  }
}
