// What is shown at a host's door, in order: keys that the user named, the agent's, the usual ones of ~/.ssh.

import { readFile } from 'node:fs/promises';
import { unreachable } from '../../src/common/errors.ts';
import type { Hop } from './route.ts';

export type Offer =
  /** Makes the host say which methods it takes. */
  | { readonly type: 'none' }
  | { readonly type: 'agent'; readonly label: string; readonly socket: string }
  | { readonly type: 'key'; readonly label: string; readonly text: string };

export interface Credentials {
  readonly offers: readonly Offer[];
  /** What there might have been, and why it is of no use. */
  readonly notes: readonly string[];
}

/** What a file turned out to be. */
export type KeyReading =
  | { readonly type: 'key'; readonly keyType: string }
  | { readonly type: 'encrypted' | 'public' | 'unreadable' };

export async function credentialsOf(hop: Hop, read: (text: string) => KeyReading): Promise<Credentials> {
  const found = await Promise.all(hop.keyFiles.map((file) => openKey(file, hop.keysNamed, read)));
  const keys = found.flatMap((one) => (typeof one === 'object' ? [one] : []));
  const notes = found.filter((one) => typeof one === 'string');
  const { agentSocket } = hop;
  const agent = agentSocket === undefined ? [] : [{ type: 'agent', label: 'the agent', socket: agentSocket } as const];
  return {
    offers: [{ type: 'none' }, ...(hop.keysNamed ? [...keys, ...agent] : [...agent, ...keys])],
    notes: agentSocket === undefined ? [...notes, 'no agent (SSH_AUTH_SOCK is not set)'] : notes,
  };
}

/** A key, or a sentence why there is none; undefined where nobody expects one. */
async function openKey(
  file: string, isNamed: boolean, read: (text: string) => KeyReading,
): Promise<Offer | string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return isNamed ? `${file} cannot be read` : undefined;
  const reading = read(text);
  switch (reading.type) {
    case 'key': return { type: 'key', label: `${file} (${reading.keyType})`, text };
    case 'encrypted': return `${file} has a passphrase: give it to an agent (ssh-add ${file})`;
    case 'public': return `${file} is a public key: name the private one`;
    case 'unreadable': return `${file} is not a private key in a form that is read here`;
    default: return unreachable(reading);
  }
}
