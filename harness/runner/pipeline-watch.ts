import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending, Health } from '../../fixtures/pipelines/lib/pipeline.ts';
import { LabError } from '../../pipeline/contract/errors.ts';
import { type Finding, finding } from '../../verifier/report.ts';
import type { PlacedPipeline } from '../lab/lab.ts';

const EVERY_MS = 250;
/** A pipeline that does not say how it ended may be starting again: a supervisor, or PostgreSQL's apply worker. */
const GONE_FOR_MS = 15_000;

/** Somebody else's pipeline has ended, and neither a fault nor the lab ended it. */
export class PipelineEndedError extends LabError {
  /** What the run reports in place of the verifier, which does not see the process. */
  readonly finding: Finding;

  constructor({ how, lastLines }: Ending) {
    const said = lastLines === '' ? 'It wrote nothing' : `Its last lines:\n${lastLines}`;
    super('CDC-5034', `the pipeline ${how}. ${said}`, {
      remedy: 'its whole output is in the log of the service sink: `cdc-lab logs`',
    });
    this.name = 'PipelineEndedError';
    const about = { check: 'connector-state', class: 'connector-failed', verdict: 'FAIL' } as const;
    this.finding = finding({ ...about, hop: 'sink', detail: this.message });
  }
}

/**
 * Does the work, and gives up on it as soon as the pipeline has ended by itself.
 * @param pipeline Undefined: there is none to watch.
 * @throws PipelineEndedError; else what the work throws.
 */
export async function whileItRuns<T>(
  pipeline: Pick<PlacedPipeline, 'health'> | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (pipeline === undefined) return await work(signal);
  const stop = new AbortController();
  const working = work(AbortSignal.any([signal, stop.signal]));
  working.catch(() => undefined);
  const watching = watch(pipeline, stop.signal);
  try {
    return await Promise.race([working, watching]);
  } finally {
    stop.abort();
    watching.catch(() => undefined);
  }
}

/** Never resolves. @throws PipelineEndedError; the signal's reason when it is aborted. */
async function watch({ health }: Pick<PlacedPipeline, 'health'>, signal: AbortSignal): Promise<never> {
  let goneSinceMs: number | null = null;
  for (;;) {
    // While the sink is down, an adapter that asks it cannot answer.
    const now = await health().catch((): Health | null => null);
    if (now?.ended !== undefined) throw new PipelineEndedError(now.ended);
    const isGone = now !== null && !now.running && now.who === null;
    goneSinceMs = isGone ? (goneSinceMs ?? performance.now()) : null;
    if (goneSinceMs !== null && performance.now() - goneSinceMs >= GONE_FOR_MS) {
      throw new PipelineEndedError({
        how: `has not run for ${GONE_FOR_MS / 1000} s, as its adapter says`,
        lastLines: '',
      });
    }
    await sleep(EVERY_MS, undefined, { signal });
  }
}
