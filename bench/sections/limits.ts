import { measurePiscinaLimit } from '../limits/piscina.ts';
import { measureZmqLimit } from '../limits/zmq.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/** The ceilings of what the engine is built on, on this machine and in the same run. */
export async function limits(effort: Effort): Promise<Partial<BenchReport>> {
  const zmq = await measureZmqLimit(effort);
  const piscina = await measurePiscinaLimit(effort);
  return { limits: { zmq, piscina } };
}
