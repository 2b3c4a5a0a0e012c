// Who may have a user endpoint, and as which local user: asked of the identity map, or of the list of the owner's
// identities, and then of the system's own accounts.

import type { StartCommand } from '../amqp/start-command.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Account } from './accounts.ts';
import { shown } from './audit.ts';
import { unexpectedError } from './commands.ts';
import type { Lookup } from './identity-lookup.ts';

/** Somebody who may, and what their user endpoint is told about why. */
export interface Granted {
  readonly type: 'granted';
  readonly account: Account;
  /** Absent where the owner's own account is used. */
  readonly matched?: JsonObject;
  readonly candidates?: readonly JsonObject[];
}

export interface Denied {
  readonly type: 'denied';
  /** For the user. */
  readonly notice: string;
  /** For the log, where it says more. */
  readonly text: string;
}

export interface AuthorisationDeps {
  readonly log: Logger;
  /** undefined: only the owner is served, as the supervisor's own account. */
  readonly map: { lookup(identitySet: readonly JsonObject[]): Promise<Lookup> } | undefined;
  readonly ownerIdentities: readonly string[];
  readonly ownAccount: Account;
  readonly findAccount: (name: string) => Promise<Account | undefined>;
  /** Why nobody may be mapped to this account; undefined: they may. */
  readonly refusalOf: (account: Account) => string | undefined;
}

export class Authorisation {
  readonly #deps: AuthorisationDeps;

  constructor(deps: AuthorisationDeps) {
    this.#deps = deps;
  }

  async decide(command: StartCommand): Promise<Granted | Denied> {
    const { map } = this.#deps;
    return map === undefined ? this.#asOwner(command) : await this.#asMapped(command, map);
  }

  /** Whether who was let in as this account still would be. Where a mapper fails nobody knows, so nothing changes. */
  async stands({ command, account }: { readonly command: StartCommand; readonly account: Account }): Promise<boolean> {
    const { map } = this.#deps;
    if (map === undefined) return true;
    const { chosen, failures } = await map.lookup(command.identitySet);
    return chosen?.localName === account.name || (chosen === undefined && failures.length > 0);
  }

  /** The account as it is now, for one who was let in before; undefined: it is gone, or may not be used any more. */
  async again({ name, uid }: Account): Promise<Account | undefined> {
    const { map, ownAccount, findAccount, refusalOf } = this.#deps;
    if (map === undefined) return ownAccount;
    const account = await findAccount(name);
    return account === undefined || account.uid !== uid || refusalOf(account) !== undefined ? undefined : account;
  }

  #asOwner(command: StartCommand): Granted | Denied {
    const { ownerIdentities, ownAccount, log } = this.#deps;
    if (!command.identitySet.some(({ sub, id }) => ownerIdentities.includes(sub) || ownerIdentities.includes(id))) {
      return denied(`Ignoring start request for untrusted identity.${who(command)}`);
    }
    log.info(`Start request of the owner is accepted.${who(command)}`);
    return { type: 'granted', account: ownAccount };
  }

  async #asMapped(command: StartCommand, map: NonNullable<AuthorisationDeps['map']>): Promise<Granted | Denied> {
    const { log, findAccount, refusalOf } = this.#deps;
    let lookup: Lookup;
    try {
      lookup = await map.lookup(command.identitySet);
    } catch (err) {
      log.error({ err }, 'identity map failed');
      return denied(`Unhandled error attempting to map to a local user name.${who(command)}`);
    }
    const { chosen, candidates } = lookup;
    if (chosen === undefined) {
      return denied(`Identity failed to map to a local user name.  (LookupError) ${who(command)}`);
    }
    const account = await findAccount(chosen.localName);
    if (account === undefined) {
      return denied('(KeyError)\n  Identity mapped to a local user name, but local user does not exist.\n'
        + `  Local user name: ${shown(chosen.localName, 256)}${who(command)}`);
    }
    const refusal = refusalOf(account);
    if (refusal !== undefined) {
      return {
        type: 'denied', notice: unexpectedError('InvalidUserError'),
        text: `(InvalidUserError) Requested user is not allowed: ${shown(refusal)}\n  Local user name: `
          + `${shown(account.name)}\n  Requested UID: ${account.uid}\n  Via identity: ${shown(chosen.identityId)} `
          + `(${shown(chosen.rule)})${who(command)}`,
      };
    }
    log.info({ identity: chosen.identityId, user: account.name, uid: account.uid, rule: shown(chosen.rule) },
      `Identity ${shown(chosen.identityId)} mapped to local user '${account.name}' by ${shown(chosen.rule)}`);
    return {
      type: 'granted', account, matched: chosen.identity, candidates: candidates.map(({ identity }) => identity),
    };
  }
}

function denied(notice: string): Denied {
  return { type: 'denied', notice, text: notice };
}

/** These lines go to the user and to the log; who asks has written one of them. */
function who({ effectiveIdentity, username }: StartCommand): string {
  return `\n  Globus effective identity: ${shown(effectiveIdentity, 256)}\n  Globus username: ${shown(username, 256)}`;
}


