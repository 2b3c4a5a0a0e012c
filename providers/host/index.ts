// The registry: the `type` under a provider's `channel` picks where its commands run and its files are.

import type { Clock } from '../../src/common/clock.ts';
import { unreachable } from '../../src/common/errors.ts';
import type { ChannelConfig } from './channel.ts';
import type { Host } from './host.ts';
import { localHost } from './local.ts';
import { LoginNode } from './login-node.ts';
import { surroundings } from './route.ts';

export { parseChannel, type ChannelConfig } from './channel.ts';

export function buildHost(config: ChannelConfig, { clock }: { readonly clock: Clock }): Host {
  switch (config.type) {
    case 'LocalChannel': return localHost;
    case 'SSHChannel': return new LoginNode(config, { clock, here: surroundings() });
    default: return unreachable(config);
  }
}
