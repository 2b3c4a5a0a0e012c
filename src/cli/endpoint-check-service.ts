// Checks of what an endpoint talks to: the service, its clock, who we are to it, and its broker.

import { connect } from 'node:net';
import { ComputeError } from '../common/errors.ts';
import { Client } from '../sdk/client.ts';
import { failed, failure, ok, warning, type Finding } from './endpoint-finding.ts';

const PATIENCE_MS = 5_000;
/** A request for a user endpoint that is older, or younger, is not answered. */
const CLOCK_OFF_MAX_S = 180;
/** What is off by so much is not set by anybody, and goes on to be off. */
const CLOCK_OFF_S = 30;

/** `port`: config.yaml's amqp_port. */
export async function checkService(serviceUrl: string, port: number | null): Promise<Finding[]> {
  const reached = await checkReached(serviceUrl);
  if (reached.some(({ level }) => level === 'fail')) return reached;
  const client = new Client({ serviceUrl });
  const login = await checkLogin(client);
  return [...reached, login, ...login.level === 'ok' ? [await checkBroker(client, port)] : []];
}

async function checkReached(serviceUrl: string): Promise<Finding[]> {
  let answer: Response;
  try {
    answer = await fetch(`${serviceUrl}/v2/version`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    return [failure('service', `${serviceUrl} cannot be reached: see that it runs, that this machine may connect to it,`
      + ' and that SWITCHYARD_SERVICE_URL is right')];
  }
  const date = Date.parse(answer.headers.get('date') ?? '');
  await answer.body?.cancel();
  return [ok('service', `${serviceUrl} answers`), ...Number.isNaN(date) ? [] : [clockFinding(date, Date.now())]];
}

export function clockFinding(theirsMs: number, oursMs: number): Finding {
  const offS = Math.round(Math.abs(oursMs - theirsMs) / 1000);
  if (offS <= CLOCK_OFF_S) return ok('clock', `it is within ${CLOCK_OFF_S} s of the service's`);
  const way = oursMs > theirsMs ? 'ahead of' : 'behind';
  const text = `it is ${offS} s ${way} the service's, and requests are not answered from ${CLOCK_OFF_MAX_S} s on:`
    + ' let an NTP client set it';
  return offS > CLOCK_OFF_MAX_S ? failure('clock', text) : warning('clock', text);
}

async function checkLogin(client: Client): Promise<Finding> {
  try {
    const { username } = await client.userInfo({ patienceMs: PATIENCE_MS });
    return ok('login', `logged in as ${username}`);
  } catch (error) {
    return failed('login', error);
  }
}

async function checkBroker(client: Client, port: number | null): Promise<Finding> {
  try {
    const { connectionUrl } = await client.resultStream({ patienceMs: PATIENCE_MS });
    const broker = new URL(connectionUrl);
    const known = port ?? Number(broker.port || (broker.protocol === 'amqps:' ? 5671 : 5672));
    const place = `${broker.hostname}:${known}`;
    const host = broker.hostname.replaceAll(/[[\]]/g, '');
    if (await answers(host, known)) return ok('broker', `${place} takes connections`);
    return failure('broker', `${place} takes no connections from here: open that port for outgoing connections, or set`
      + ' amqp_port in config.yaml to one that is open and the broker listens on');
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    return warning('broker', `not tried, as the service did not say where it is: ${error.message}`);
  }
}

async function answers(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
