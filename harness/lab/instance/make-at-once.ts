import { settleAll } from '../../settle-all.ts';

export interface Parts {
  /** Databases. */
  readonly source: Promise<void>;
  readonly sink: Promise<void>;
  /** That of the capture first. */
  readonly workers: readonly [Promise<unknown>, ...Promise<unknown>[]];
  readonly startCapture: () => Promise<void>;
  readonly startVerifier: () => Promise<unknown>;
}

/**
 * The capture starts when its database and its worker stand, the verifier when both databases do. Where one part fails,
 * every other that is under way ends first: whoever drops the instance would not see what comes after.
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
