import type { BrokerDeps, PrivateBrokerConfig } from './broker.ts';

export interface PrivateBroker {
  readonly url: string;
  readonly managementUrl: string;
  readonly publicUrl: string;
  close(): Promise<void>;
}

export async function startPrivateBroker(_config: PrivateBrokerConfig, _deps: BrokerDeps): Promise<PrivateBroker> {
  throw new Error('coming');
}
