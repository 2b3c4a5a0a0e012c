// What it means that no connection came about, for whoever has to do something about it.

import { ComputeError } from '../common/errors.ts';
import type { BrokerAddress } from './url.ts';

const ACCESS_REFUSED = '403';

/** A certificate that is not trusted, of another host, or out of date. */
const CERTIFICATE = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_|ERR_TLS_CERT/;

/** BROKER_REFUSED for what another attempt will not change, BROKER_UNREACHABLE for what it may. */
export function connectFailure(cause: unknown, address: BrokerAddress): ComputeError {
  const { shown, username, vhost } = address;
  const said = cause instanceof Error ? cause.message : '';
  const code = cause instanceof Error ? String(Reflect.get(cause, 'code')) : '';
  if (/terminated by server: (\d+)/.exec(said)?.[1] === ACCESS_REFUSED) {
    return refused(`the broker at ${shown} refuses user ${username}: its password is wrong or was withdrawn`, cause);
  }
  // The answer to the last request of the handshake, which names the virtual host.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(said)) {
    return refused(`the broker at ${shown} has no virtual host "${vhost}" for user ${username}`, cause);
  }
  if (CERTIFICATE.test(code)) {
    return refused(`the certificate of the broker at ${shown} is not trusted (${code}): `
      + 'name its authority in the file of NODE_EXTRA_CA_CERTS', cause);
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return refused(`the broker at ${shown} does not speak TLS at this port: is it amqp instead of amqps?`, cause);
  }
  return new ComputeError('BROKER_UNREACHABLE', `no broker answers at ${shown}: is it running, and does a firewall let `
    + 'this machine through?', { cause });
}

function refused(message: string, cause: unknown): ComputeError {
  return new ComputeError('BROKER_REFUSED', message, { cause });
}
