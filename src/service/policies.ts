// Authentication policies: who has made which, which endpoints name them, and their word on each submission.

import { randomUUID } from 'node:crypto';
import type { CreateAuthPolicy } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { Caller } from './auth.ts';
import { Cache } from './cache.ts';
import { domainPattern, unmetRule, type AuthPolicy, type Unmet } from './policy.ts';
import { policyNotFound, Refusal, refuseTorn } from './refusal.ts';
import type { StoredEndpoint } from './store/endpoints.ts';
import type { PolicyStore } from './store/policies.ts';

const CACHED = 10_000;
/** Of one user. */
const POLICIES_MAX = 1_000;
/** Endpoints that a refusal names. */
const NAMED_MAX = 3;

export class Policies {
  readonly #store: PolicyStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #cache = new Cache<AuthPolicy>(CACHED);

  constructor(store: PolicyStore, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  async create(asked: CreateAuthPolicy['policy'], owner: string): Promise<AuthPolicy> {
    const policy = described(asked, randomUUID(), owner);
    if (await this.#store.count(owner) >= POLICIES_MAX) {
      throw invalid(`there are ${POLICIES_MAX} authentication policies of yours already: delete one of them first`);
    }
    await this.#store.add(policy, this.#clock.now() / 1000);
    return policy;
  }

  /** 404 for another's, as for one that is not there. */
  async owned(id: string, user: string): Promise<AuthPolicy> {
    const policy = await this.#find(id);
    if (policy === undefined || policy.owner !== user) throw policyNotFound(id);
    return policy;
  }

  list(owner: string): Promise<AuthPolicy[]> {
    return this.#store.list(owner);
  }

  /** 409 while an endpoint names it: that endpoint would serve nobody. */
  async remove(id: string, user: string): Promise<AuthPolicy> {
    const policy = await this.owned(id, user);
    const users = await this.#store.users(id, NAMED_MAX);
    if (users.length > 0) {
      const names = users.map((one) => `${one.name} (${one.id})`).join(', ');
      throw new Refusal('RESOURCE_CONFLICT', `Authentication policy ${id} is in use by endpoints: ${names}. `
        + 'Delete them, or start them with another policy', [id, ...users.map((one) => one.id)]);
    }
    await this.#store.remove(id);
    this.#cache.delete(id);
    return policy;
  }

  /** Whether an endpoint of `owner`'s may be registered with it. */
  async checkNamed(id: string, owner: string, highAssurance: boolean): Promise<void> {
    const policy = await this.#find(id);
    if (policy === undefined || policy.owner !== owner) {
      throw invalid(`there is no authentication policy ${id} of yours: create it first, or leave `
        + 'authentication_policy out of config.yaml', [id]);
    }
    if (highAssurance && !policy.highAssurance) {
      throw invalid(`authentication policy ${id} is not a High Assurance one, which a High Assurance endpoint needs: `
        + 'create another with high_assurance', [id]);
    }
  }

  /** 403 for a user who does not meet the endpoint's policy, with the rule; marked where a new log-in would help. */
  async enforce(endpoint: StoredEndpoint, caller: Caller): Promise<void> {
    const { id, authenticationPolicy: named } = endpoint;
    if (named === null) return;
    const policy = await this.#find(named);
    if (policy === undefined) {
      throw new Refusal('ENDPOINT_ACCESS_FORBIDDEN', `Endpoint ${id} names the authentication policy ${named}, which `
        + 'is not there: it serves nobody until its owner starts it with another', [id, named]);
    }
    const unmet = unmetRule(policy, caller, this.#clock.now() / 1000);
    if (unmet === undefined) return;
    const { username } = caller;
    this.#log.info({ endpoint: id, policy: named, user: username, rule: unmet.rule }, 'user was kept out by a policy');
    throw refusalOf(unmet, policy, { endpoint: id, username });
  }

  async #find(id: string): Promise<AuthPolicy | undefined> {
    const known = this.#cache.get(id) ?? await this.#store.find(id);
    if (known !== undefined) this.#cache.set(id, known);
    return known;
  }
}

function described(asked: CreateAuthPolicy['policy'], id: string, owner: string): AuthPolicy {
  const { display_name: displayName, description = '', authentication_assurance_timeout: timeoutS } = asked;
  refuseTorn('display_name', displayName);
  refuseTorn('description', description ?? '');
  if (asked.required_mfa === true) {
    throw invalid('a policy with required_mfa could be met by nobody, because this service knows no second factor: '
      + 'leave it out');
  }
  if (timeoutS === 0) {
    throw invalid('a policy whose log-ins count for 0 s could be met by nobody: give '
      + 'authentication_assurance_timeout at least 1 s, or leave it out');
  }
  return {
    id, owner, displayName, description: description ?? '', project: asked.project_id?.toLowerCase() ?? null,
    allowedDomains: domainsOf('domain_constraints_include', asked.domain_constraints_include ?? []),
    excludedDomains: domainsOf('domain_constraints_exclude', asked.domain_constraints_exclude ?? []),
    authTimeoutS: timeoutS ?? null, highAssurance: asked.high_assurance ?? false,
  };
}

function domainsOf(key: string, written: readonly string[]): string[] {
  return [...new Set(written.map((one) => {
    const pattern = domainPattern(one);
    if (pattern !== undefined) return pattern;
    throw invalid(`${key} has ${JSON.stringify(one)}, which is no domain: write example.edu, or *.example.edu for `
      + 'all domains below it');
  }))];
}

function refusalOf(
  unmet: Unmet, { id, displayName }: AuthPolicy, { endpoint, username }: { endpoint: string; username: string },
): Refusal {
  const rule = `Endpoint ${endpoint} is limited by the authentication policy "${displayName}" (${id})`;
  const args = [endpoint, id];
  switch (unmet.rule) {
    case 'allowed-domains':
      return new Refusal('ENDPOINT_ACCESS_FORBIDDEN',
        `${rule}: ${username} is not of one of its allowed domains. Use an identity that is, or ask its owner`, args);
    case 'excluded-domains':
      return new Refusal('ENDPOINT_ACCESS_FORBIDDEN',
        `${rule}: ${username} is of a domain that it excludes. Use another identity, or ask its owner`, args);
    case 'auth-timeout': {
      const text = `${rule}: it asks for a log-in within the last ${unmet.mostS} s, and yours was ${unmet.agoS} s ago. `
        + 'Log in again (switchyard login)';
      // The field's clients read this, and log their user in once more.
      return new Refusal('ENDPOINT_ACCESS_FORBIDDEN', text, args, { authorization: {
        session_message: text, session_required_policies: [id], prompt: 'login',
      } });
    }
  }
}

function invalid(why: string, args: readonly string[] = []): Refusal {
  return new Refusal('SEMANTICALLY_INVALID', `Request payload failed validation: ${why}`, args);
}
