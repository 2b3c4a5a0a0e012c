// What is to become of each task of a soak, by its number and the seed: the same for client and checker. Pure.

/** `ok`: returns its number. `raise`: throws. `kill`: ends its worker. The others are cancelled from outside. */
export type Fate = 'ok' | 'raise' | 'kill' | 'cancel' | 'hang';

/** Share of each in a thousand; the rest is `ok`. Half of the cancelled ones would never end by themselves. */
const PER_MILLE: readonly (readonly [Fate, number])[] = [['raise', 100], ['kill', 10], ['cancel', 5], ['hang', 5]];

export function fateOf(seed: number, id: number): Fate {
  let at = hash(seed, id) % 1000;
  for (const [fate, share] of PER_MILLE) {
    if (at < share) return fate;
    at -= share;
  }
  return 'ok';
}

/** 32 well-mixed bits of both numbers (the finalizer of MurmurHash3). */
function hash(seed: number, id: number): number {
  let x = (Math.imul(seed, 0x9e37_79b1) + id) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
