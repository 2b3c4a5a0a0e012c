import { firstResults } from '../slurm/first-result.ts';
import { sharedFolder, slurmAnswers } from '../slurm/site.ts';
import { watchJobs } from '../slurm/watch.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/** On the cluster that this machine is a login node of: how soon there is a result, and what watching jobs costs. */
export async function slurm(effort: Effort): Promise<Partial<BenchReport>> {
  if (!await slurmAnswers(effort.signal)) {
    throw new Error('no Slurm cluster answers (sinfo): run it on a login node, or as npm run bench:slurm');
  }
  await using folder = await sharedFolder();
  const shared = { ...effort, directory: folder.path };
  const first = await firstResults(shared);
  const watch = await watchJobs(shared);
  return { slurm: { ...first, ...watch, spread: { ...first.spread, ...watch.spread } } };
}
