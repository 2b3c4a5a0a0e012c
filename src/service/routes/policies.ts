// Authentication policies, under the paths and in the form in which the field's SDK knows them.

import {
  authPolicies, authPolicy, createAuthPolicy, type CreateAuthPolicy,
} from '../../common/api.ts';
import type { JsonObject } from '../../common/json.ts';
import { MANAGE_SCOPE } from '../oauth/scopes.ts';
import type { Policies } from '../policies.ts';
import type { AuthPolicy } from '../policy.ts';
import { idIn, type Route } from '../route.ts';

export function policyRoutes(policies: Policies): Route[] {
  // The field's agents show the token that they have for such things.
  const shared = { access: 'user', scope: MANAGE_SCOPE } as const;
  return [{
    ...shared, method: 'POST', path: '/v2/api/policies', summary: 'Create an authentication policy',
    schema: { body: createAuthPolicy, answer: authPolicy },
    handle: async ({ body }, { id: user }) =>
      ({ policy: shown(await policies.create((body as CreateAuthPolicy).policy, user)) }),
  }, {
    ...shared, method: 'GET', path: '/v2/api/policies', summary: 'List authentication policies',
    schema: { answer: authPolicies },
    handle: async (_, { id: user }) => ({ policies: (await policies.list(user)).map(shown) }),
  }, {
    ...shared, method: 'GET', path: '/v2/api/policies/:id', summary: 'Describe an authentication policy',
    schema: { answer: authPolicy },
    handle: async (call, { id: user }) => ({ policy: shown(await policies.owned(idIn(call), user)) }),
  }, {
    ...shared, method: 'DELETE', path: '/v2/api/policies/:id', summary: 'Delete an authentication policy',
    schema: { answer: authPolicy },
    handle: async (call, { id: user }) => ({ policy: shown(await policies.remove(idIn(call), user)) }),
  }];
}

function shown(policy: AuthPolicy): JsonObject {
  return {
    id: policy.id, project_id: policy.project, display_name: policy.displayName, description: policy.description,
    domain_constraints_include: policy.allowedDomains, domain_constraints_exclude: policy.excludedDomains,
    authentication_assurance_timeout: policy.authTimeoutS, high_assurance: policy.highAssurance, required_mfa: false,
  };
}
