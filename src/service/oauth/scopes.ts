// The field's names for what a token may be used for, and the server that each is shown to.

/** To use this service. Its number is the field's. */
export const COMPUTE_SCOPE = 'https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all';
const COMPUTE = 'funcx_service';
const AUTH = 'auth.globus.org';
/** To manage one's authentication policies, among other things that there are only in the field. */
export const MANAGE_SCOPE = 'urn:globus:auth:scope:auth.globus.org:manage_projects';

/** What the field's agents ask for beside it: who is logged in. */
const AUTH_SCOPES: ReadonlySet<string> = new Set([
  'openid', 'profile', 'email', MANAGE_SCOPE,
  'urn:globus:auth:scope:auth.globus.org:view_identity_set', 'urn:globus:auth:scope:auth.globus.org:view_identities',
]);

export interface ServerScopes {
  readonly resourceServer: string;
  readonly scopes: readonly string[];
}

/** The scopes asked for, without their doubles, by the server that they are for. undefined: one is not known. */
export function byServer(asked: readonly string[]): ServerScopes[] | undefined {
  const scopes = [...new Set(asked)];
  if (!scopes.every((scope) => scope === COMPUTE_SCOPE || AUTH_SCOPES.has(scope))) return undefined;
  const compute = scopes.filter((scope) => scope === COMPUTE_SCOPE);
  const auth = scopes.filter((scope) => AUTH_SCOPES.has(scope));
  return [
    { resourceServer: COMPUTE, scopes: compute }, { resourceServer: AUTH, scopes: auth },
  ].filter(({ scopes: some }) => some.length > 0);
}
