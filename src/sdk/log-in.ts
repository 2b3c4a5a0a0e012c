// A log-in by a code that a person copies by hand, which needs no browser on this machine: OAuth 2 with PKCE.

import { createHash, randomBytes } from 'node:crypto';
import { ComputeError } from '../common/errors.ts';
import { isMapping } from '../common/schema.ts';

/** Begun, and waiting for its code. */
export interface LogIn {
  /** Where the person proves who they are. */
  readonly url: string;
  /** Proves to the service that whoever brings the code is who asked for it. */
  readonly verifier: string;
}

export interface Tokens {
  readonly token: string;
  /** Gets another token when this one has ended. */
  readonly refresh?: string;
  /** When it ends, epoch seconds. */
  readonly expires: number;
}

/** A program on somebody's computer has no secret, so its name proves nothing. */
const CLIENT = 'switchyard';
const SCOPE = 'https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all';
const TIMEOUT_MS = 30_000;

export function beginLogIn(service: string): LogIn {
  const verifier = randomBytes(48).toString('base64url');
  const parameters = new URLSearchParams({
    client_id: CLIENT, redirect_uri: redirectUri(service), scope: SCOPE, state: '_default', response_type: 'code',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    access_type: 'offline',
  });
  return { url: `${service}/v2/oauth2/authorize?${parameters.toString()}`, verifier };
}

/** Throws LOGIN_NEEDED for a code that is wrong, used or too old. */
export async function finishLogIn(service: string, { verifier }: LogIn, code: string, nowS: number): Promise<Tokens> {
  const tokens = await tokensFor(service, {
    grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri(service),
  }, nowS);
  if (tokens !== undefined) return tokens;
  throw new ComputeError('LOGIN_NEEDED', `cannot log in: the service at ${service} does not take this code: it is`
    + ' wrong, was used before, or is older than ten minutes. Start the log-in again');
}

/** undefined: the log-in has ended, or was withdrawn. */
export async function renewLogIn(service: string, refresh: string, nowS: number): Promise<Tokens | undefined> {
  return await tokensFor(service, { grant_type: 'refresh_token', refresh_token: refresh }, nowS);
}

/** The service does not know this token afterwards. One that an administrator gave out stays what it is. */
export async function revoke(service: string, token: string): Promise<void> {
  const { status } = await post(service, 'token/revoke', { token, client_id: CLIENT });
  if (status === 200) return;
  throw new ComputeError('SERVICE_FAILED', `the service at ${service} did not take a token back: it answered with`
    + ` status ${status}`);
}

/** undefined: the service refuses them. */
async function tokensFor(
  service: string, form: Readonly<Record<string, string>>, nowS: number,
): Promise<Tokens | undefined> {
  const { status, document } = await post(service, 'token', { ...form, client_id: CLIENT });
  const { access_token: token, refresh_token: refresh, expires_in: seconds } = document;
  if (status === 200 && typeof token === 'string' && typeof seconds === 'number') {
    return { token, ...typeof refresh === 'string' && { refresh }, expires: Math.floor(nowS + seconds) };
  }
  if (status >= 400 && status < 500) return undefined;
  throw new ComputeError('SERVICE_FAILED', `the service at ${service} gave no token: it answered with ${status}`);
}

async function post(
  service: string, path: string, form: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly document: Readonly<Record<string, unknown>> }> {
  try {
    const response = await fetch(`${service}/v2/oauth2/${path}`, {
      method: 'POST', body: new URLSearchParams(form), headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const document: unknown = await response.json().catch(() => ({}));
    return { status: response.status, document: isMapping(document) ? document : {} };
  } catch (cause) {
    throw new ComputeError('SERVICE_UNREACHABLE',
      `the service at ${service} cannot be reached: is it running, and is SWITCHYARD_SERVICE_URL right?`, { cause });
  }
}

function redirectUri(service: string): string {
  return `${service}/v2/web/auth-code`;
}
