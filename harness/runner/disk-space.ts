import type { RunOptions } from './plan.ts';

/** A row of a backfill in both databases, and its event in Kafka: JSON that carries its schema, not compressed. */
const ROW_BYTES = 500;
const EVENT_BYTES = 5_000;

/**
 * Bytes that a run's rows take on the servers' disk, with `copies` of each event: ten million historical rows take 50 GB,
 * which would come as a surprise. A variant's rows may still be there when the next variant runs.
 */
export function roomFor({ plan, tunables }: Pick<RunOptions, 'plan' | 'tunables'>, copies: number): number {
  const rows = plan.map(({ scenario: { defaults } }) =>
    defaults.rows === 0 ? 0 : (tunables.rows ?? defaults.rows),
  );
  return rows.reduce((bytes, own) => bytes + own * (ROW_BYTES + EVENT_BYTES * copies), 0);
}
