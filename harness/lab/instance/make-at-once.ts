import { settleAll } from '../../settle-all.ts';

export interface Parts {
  /** Databases. */
  readonly source: Promise<void>;
  readonly sink: Promise<void>;
  /** The capture's worker first. */
  readonly workers: readonly [Promise<unknown>, ...Promise<unknown>[]];
  readonly startCapture: () => Promise<void>;
  readonly startVerifier: () => Promise<unknown>;
}

/**
 * Sets up the parts concurrently: the capture starts when its database and its worker are ready, the verifier
 * when both databases are. If a part fails, its error is thrown when the others have settled, so that dropping
 * the instance misses nothing.
 */
export async function makeAtOnce(parts: Parts): Promise<void> {
  const { source, sink, workers } = parts;
  await settleAll<unknown>([
    source,
    sink,
    ...workers,
    Promise.all([source, workers[0]]).then(parts.startCapture),
    Promise.all([source, sink]).then(parts.startVerifier),
  ]);
}
