// What a user endpoint adds to the environment that the administrator gave it. Pure.

import { isJsonObject, type JsonObject } from '../common/json.ts';
import type { UserPayload } from './user-payload.ts';

/** Where nothing else is said. */
const PATH = '/usr/local/bin:/usr/bin:/bin';

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables to set: none that the administrator has set is another afterwards. */
export function userEnvironment(given: Environment, { user, render }: UserPayload): Readonly<Record<string, string>> {
  const home = given['HOME'] || user.home;
  const { python, sdk } = versionsIn(render.userRuntime);
  const defaults = {
    HOME: home, USER: user.name, PATH, CWD: home,
    ...python === undefined ? {} : { GC_USER_PYTHON_VERSION: python },
    ...sdk === undefined ? {} : { GC_USER_SDK_VERSION: sdk },
  };
  const written = Object.entries(given).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  return { ...defaults, ...Object.fromEntries(written) };
}

function versionsIn({ python, python_version: former, globus_compute_sdk_version: sdk }: JsonObject): {
  readonly python: string | undefined; readonly sdk: string | undefined;
} {
  const version = isJsonObject(python) ? python['version'] : former;
  return { python: versionOf(version), sdk: versionOf(sdk) };
}

/** It comes from the user's machine: what is no version is nothing. */
function versionOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.+-]{1,64}$/.test(value) ? value : undefined;
}
