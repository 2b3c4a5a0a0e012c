import { measureParsl } from '../peers/parsl.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/** The same work on the field's other engine, in an environment made for it. */
export async function peers(effort: Effort): Promise<Partial<BenchReport>> {
  return { peers: { parsl: await measureParsl(effort.python, effort) } };
}
