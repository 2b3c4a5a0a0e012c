// What `switchyard endpoint configure` was told → what is to be written, or the first thing that is wrong with it.
// Pure: reads no file, asks no service.

import type { AuthPolicyOptions } from '../sdk/auth-policies.ts';
import { misuse } from './failure.ts';

export interface ConfigureOptions {
  readonly multiUser?: boolean;
  readonly displayName?: string;
  readonly contactEmail?: string;
  readonly managerConfig?: string;
  /** The older name of the same. */
  readonly endpointConfig?: string;
  readonly templateConfig?: string;
  readonly schemaConfig?: string;
  readonly userEnvConfig?: string;
  readonly idMappingConfig?: string;
  readonly authPolicy?: string;
  readonly authPolicyProjectId?: string;
  readonly authPolicyDisplayName?: string;
  readonly authPolicyDescription?: string;
  readonly authPolicyMfaRequired?: true;
  /** Domains, with commas between them. */
  readonly allowedDomains?: string;
  readonly excludedDomains?: string;
  /** Seconds. */
  readonly authTimeout?: number;
  readonly highAssurance?: true;
  readonly subscriptionId?: string;
}

export const POLICY_NAME = 'Globus Compute Authentication Policy';
export const POLICY_DESCRIPTION = 'This policy was created automatically by Globus Compute.';

/** Files to start from, instead of our own. */
export interface Sources {
  readonly config: string | undefined;
  readonly template: string | undefined;
  readonly schema: string | undefined;
  readonly environment: string | undefined;
  readonly identityMap: string | undefined;
}

export interface ConfigurePlan {
  readonly multiUser: boolean;
  readonly sources: Sources;
  /** Keys for config.yaml that are said on the command line. */
  readonly displayName: string | undefined;
  readonly email: string | undefined;
  readonly highAssurance: boolean;
  readonly subscription: string | undefined;
  /** One that is there, by its id; or one to be made. */
  readonly policy: string | AuthPolicyOptions | undefined;
  readonly warnings: readonly string[];
}

/** The checks in the field's order, in the field's words. */
export function planConfigure(options: ConfigureOptions, platform: NodeJS.Platform): ConfigurePlan {
  const multiUser = options.multiUser === true;
  if (multiUser && platform !== 'linux') {
    throw misuse('Unable to configure new endpoints; Manager Endpoint Processes are not supported on this system');
  }
  if (!multiUser) refuseMultiUserOptions(options);
  const { managerConfig, endpointConfig } = options;
  return {
    multiUser,
    sources: {
      config: managerConfig ?? endpointConfig, template: options.templateConfig, schema: options.schemaConfig,
      environment: options.userEnvConfig, identityMap: options.idMappingConfig,
    },
    displayName: options.displayName, email: options.contactEmail, highAssurance: options.highAssurance === true,
    subscription: options.subscriptionId, policy: policyOf(options),
    warnings: [
      ...multiUser && options.contactEmail === undefined
        ? ['its users are not told whom to ask for help: give --contact-email, or write `email` into config.yaml'] : [],
      ...endpointConfig === undefined ? [] : [managerConfig === undefined
        ? '--endpoint-config is the older name of --manager-config'
        : `--endpoint-config ${endpointConfig} is ignored: --manager-config says where to start from`],
    ],
  };
}

function refuseMultiUserOptions(options: ConfigureOptions): void {
  const needing = [
    ['--id-mapping-config', options.idMappingConfig], ['--template-config', options.templateConfig],
    ['--schema-config', options.schemaConfig], ['--user-env-config', options.userEnvConfig],
    ['--contact-email', options.contactEmail],
  ].find(([, value]) => value !== undefined);
  if (needing !== undefined) throw misuse(`${needing[0]} requires multi user support (hint: --multi-user true)`);
}

function policyOf(options: ConfigureOptions): string | AuthPolicyOptions | undefined {
  const { authPolicy, highAssurance, subscriptionId, authPolicyMfaRequired: mfa } = options;
  const creates = createsPolicy(options);
  if (authPolicy !== undefined && creates) {
    throw misuse('Cannot specify an existing auth policy and create a new one at the same time');
  }
  if (highAssurance && (subscriptionId === undefined || (authPolicy === undefined && !creates))) {
    throw misuse('High Assurance(HA) endpoints require both a HA policy and a HA subscription id');
  }
  if (mfa && !creates) throw misuse('MFA may only be specified when creating a policy');
  if (mfa && !highAssurance) throw misuse('MFA may only be enabled for High Assurance(HA) policies');
  return creates ? newPolicy(options) : authPolicy;
}

/** By anything but the second factor, which is no policy by itself. */
function createsPolicy(options: ConfigureOptions): boolean {
  const { authPolicyProjectId, allowedDomains, excludedDomains, authTimeout } = options;
  return (options.authPolicyDisplayName ?? POLICY_NAME) !== POLICY_NAME
    || (options.authPolicyDescription ?? POLICY_DESCRIPTION) !== POLICY_DESCRIPTION
    || [authPolicyProjectId, allowedDomains, excludedDomains, authTimeout].some((value) => value !== undefined);
}

function newPolicy(options: ConfigureOptions): AuthPolicyOptions {
  const { authPolicyProjectId: projectId, authTimeout } = options;
  const allowedDomains = domainsIn('--allowed-domains', options.allowedDomains);
  const excludedDomains = domainsIn('--excluded-domains', options.excludedDomains);
  return {
    displayName: options.authPolicyDisplayName ?? POLICY_NAME,
    description: options.authPolicyDescription ?? POLICY_DESCRIPTION,
    ...projectId !== undefined && { projectId },
    ...allowedDomains !== undefined && { allowedDomains },
    ...excludedDomains !== undefined && { excludedDomains },
    ...authTimeout !== undefined && { authTimeoutS: authTimeout },
    ...options.highAssurance && { highAssurance: true },
    ...options.authPolicyMfaRequired && { mfaRequired: true },
  };
}

function domainsIn(option: string, text: string | undefined): string[] | undefined {
  const domains = text?.split(',').map((domain) => domain.trim()).filter((domain) => domain !== '');
  // A list of no domains would let everybody in, or nobody: neither was meant.
  if (domains?.length === 0) throw misuse(`${option} names no domain: give some, with commas between them`);
  return domains;
}
