// Under which addresses managers find this machine, and on which it listens for them.

import { hostname, networkInterfaces } from 'node:os';
import type { EngineConfig } from './config.ts';

type AddressKeys = Pick<EngineConfig, 'address' | 'loopback_address' | 'provider'>;

/** Blocks on this machine never make it listen to the network. */
export function listenAddress(config: AddressKeys): string {
  return config.provider.type === 'LocalProvider' ? config.loopback_address : '*';
}

/** As configured, or every address it has: the manager takes the first that answers. */
export function addressesOf(config: AddressKeys): string[] {
  if (typeof config.address === 'string') return [config.address];
  if (config.provider.type === 'LocalProvider') return [config.loopback_address];
  const own = interfaces();
  if (config.address?.type === 'address_by_hostname') return [hostname()];
  if (config.address?.type === 'address_by_interface') {
    const { ifname } = config.address;
    return own.filter(({ name }) => name === ifname).map(({ address }) => address);
  }
  return [...new Set([hostname(), ...own.map(({ address }) => address)])];
}

function interfaces(): { name: string; address: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) => (list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => ({ name, address })));
}
