// Authentication policies, as users write them and as the service does.

import type { Shape } from '../amqp/shape.ts';
import type { JsonObject } from '../common/json.ts';

/** Who may use an endpoint that names it. */
export interface AuthPolicy {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  /** `example.edu`, or `*.example.edu` for all domains below it. None: any. */
  readonly allowedDomains: readonly string[];
  readonly excludedDomains: readonly string[];
  /** Seconds for which a log-in counts. undefined: for ever. */
  readonly authTimeoutS: number | undefined;
  readonly highAssurance: boolean;
}

export interface AuthPolicyOptions {
  readonly displayName: string;
  readonly description: string;
  /** The field's grouping of policies; here it is kept, and changes nothing. */
  readonly projectId?: string;
  /** `example.edu`, or `*.example.edu` for all domains below it. Default: any. */
  readonly allowedDomains?: readonly string[];
  /** What is excluded is so even if it is allowed as well. Default: none. */
  readonly excludedDomains?: readonly string[];
  /** Seconds for which a log-in counts, at least 1. Default: for ever. */
  readonly authTimeoutS?: number;
  /** A High Assurance endpoint takes no other. Default: false. */
  readonly highAssurance?: boolean;
  /** The service has no second factor, and refuses a policy that asks for one. Default: false. */
  readonly mfaRequired?: boolean;
}

export function readPolicy(one: Shape): AuthPolicy {
  const timeoutS = one.object()['authentication_assurance_timeout'];
  return {
    id: one.uuid('id'), displayName: one.text('display_name'), description: one.text('description'),
    allowedDomains: one.texts('domain_constraints_include'), excludedDomains: one.texts('domain_constraints_exclude'),
    authTimeoutS: typeof timeoutS === 'number' ? timeoutS : undefined,
    highAssurance: one.object()['high_assurance'] === true,
  };
}

export function policyBody(options: AuthPolicyOptions): JsonObject {
  const { projectId, allowedDomains, excludedDomains, authTimeoutS } = options;
  return {
    display_name: options.displayName, description: options.description,
    high_assurance: options.highAssurance ?? false, required_mfa: options.mfaRequired ?? false,
    ...projectId !== undefined && { project_id: projectId },
    ...allowedDomains !== undefined && { domain_constraints_include: allowedDomains },
    ...excludedDomains !== undefined && { domain_constraints_exclude: excludedDomains },
    ...authTimeoutS !== undefined && { authentication_assurance_timeout: authTimeoutS },
  };
}
