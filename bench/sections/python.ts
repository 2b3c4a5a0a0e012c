import { join } from 'node:path';
import { parseEngineConfig } from '../../engine/config.ts';
import { Engine } from '../../engine/engine.ts';
import { decodePayload, encodePayload } from '../../src/common/payload.ts';
import type { Kind, PythonResult } from '../../src/common/protocol.ts';
import { engineBlock } from '../engine.ts';
import { percentiles, repeat, spread, timeEach } from '../measure.ts';
import { measurePacked, packTasks, type PackedTasks } from '../peers/parsl.ts';
import { ensureEnvironment } from '../peers/python.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/** Brings the SDK and Parsl, in the versions that belong together. */
const AGENT = 'globus-compute-endpoint==4.19.0';
const WORKERS = 2;
/** Different payloads; they are submitted over and over. */
const PAYLOADS = 1000;
const REPETITIONS = 5;
const SUBMITS_PER_TURN = 1000;
const TASK = '44cf4d6a-7a3c-4f9b-9d4e-0c6c4dd0a5a1';

/** No-op Python tasks as the field's SDK packs them, on the engine and, if asked for, on the peer's workers. */
export async function python(effort: Effort): Promise<Partial<BenchReport>> {
  const { quick, signal, progress } = effort;
  const environment = await ensureEnvironment(AGENT, effort.python, effort);
  const packed = await packTasks(environment, PAYLOADS, effort);
  process.env['PATH'] = `${join(environment.folder, 'bin')}:${process.env['PATH']}`; // managers take theirs from us
  const tasks = quick ? 20_000 : 100_000;
  const samples = quick ? 300 : 2000;
  const ours = await measureOurs(packed, tasks, samples, effort);
  if (effort.peer !== 'parsl') return { python: ours };
  signal.throwIfAborted();
  progress('the same on Parsl');
  const plan = {
    count: PAYLOADS, tasks: quick ? 2000 : 10_000, warm_tasks: 1000, repetitions: 3,
    prefetches: quick ? [0, 10] : [0, 4, 10], latency_warm_up: 100, latency_samples: samples / 2,
  };
  const peer = await measurePacked(environment, plan, effort);
  const rates = spread(peer.rates);
  const { p50_ms, p99_ms } = percentiles(peer.latencies_ms);
  return {
    python: {
      ...ours, parsl: { tasks_per_s: rates.median, p50_ms, p99_ms },
      spread: { ...ours.spread, parsl_tasks_per_s: rates },
    },
  };
}

async function measureOurs(
  packed: PackedTasks, tasks: number, samples: number, { directory, signal, progress }: Effort,
): Promise<NonNullable<BenchReport['python']>> {
  const start = performance.now();
  const engine = new Engine({ config: parseEngineConfig(engineBlock({ workers: WORKERS })), directory });
  signal.addEventListener('abort', () => void engine.close('cancel'), { once: true });
  try {
    const kind: Kind = {
      fn: engine.define({
        form: 'python', name: 'noop', code: packed.code, resultSerializers: [], allowedSerializers: [],
        directory, sandbox: false,
      }),
      timeoutMs: 0, retries: 0, minRemainingMs: 0,
    };
    await flood(engine, kind, packed, 1);
    const firstMs = performance.now() - start;
    await flood(engine, kind, packed, tasks / 5);
    const rates = spread(await repeat(REPETITIONS, signal, (round) => {
      progress(`${tasks} Python tasks on ${WORKERS} workers, repetition ${round + 1}`);
      return flood(engine, kind, packed, tasks);
    }));
    progress('Python tasks one at a time');
    const one = async (): Promise<void> => void await flood(engine, kind, packed, 1);
    await timeEach(samples / 4, one);
    const { p50_ms, p99_ms } = percentiles(await timeEach(samples, one));
    return {
      tasks_per_s: rates.median, p50_ms, p99_ms, tasks, workers: WORKERS, first_result_s: firstMs / 1000,
      spread: { tasks_per_s: rates },
    };
  } finally {
    await engine.close('cancel');
  }
}

/**
 * Tasks per second, from the first submit to the last result; each result is compared with the SDK's. When the engine
 * is closed, it rejects.
 */
async function flood(
  engine: Engine, kind: Kind, { payloads, results }: PackedTasks, count: number,
): Promise<number> {
  const start = performance.now();
  let open = count;
  await new Promise<void>((resolve, reject) => {
    const submit = (index: number): void => {
      const { bytes, buffers } = encodePayload([TASK, payloads[index % payloads.length]]);
      engine.submit(kind, bytes, buffers, {
        onOutcome: (ok, outcome) => {
          const { data } = decodePayload(outcome, []) as PythonResult; // made by our own runner
          if (!ok || data !== results[index % results.length]) reject(new Error(`task ${index} came back as ${data}`));
          if (--open === 0) resolve();
        },
        onFailure: ({ message }) => reject(new Error(message)),
      });
    };
    void (async () => {
      for (let index = 0; index < count; index++) {
        submit(index);
        if (index % SUBMITS_PER_TURN === SUBMITS_PER_TURN - 1) await new Promise((done) => setImmediate(done));
      }
    })().catch(reject);
  });
  return count * 1000 / (performance.now() - start);
}
