import { POSITION_HEADER } from '../../pipeline/contract/position.ts';
import { readTopics, type TopicsToRead } from './read-topics.ts';

/** How fast the rows of one snapshot came. */
export interface SnapshotRate {
  readonly rows: number;
  /** From the first row to the last, by the time that the capture gave the records. */
  readonly durationMs: number;
  readonly rowsPerSecond: number;
}

/** A snapshot with fewer rows says nothing about its rate. */
const LEAST_ROWS = 100;
/** The ordinal of a snapshot's rows: see {@link PositionParts.ordinal}. */
const OF_SNAPSHOT = '-00000000';

/**
 * The rate of the fastest snapshot in the topics; undefined: there is none. The rows of one snapshot share a position. One
 * that was interrupted counts as two.
 */
export async function fastestSnapshot(from: TopicsToRead): Promise<SnapshotRate | undefined> {
  const times = new Map<string, number[]>();
  await readTopics(from, (_, { headers, timestamp }) => {
    const position = String(headers?.[POSITION_HEADER] ?? '');
    if (!position.endsWith(OF_SNAPSHOT)) return;
    const known = times.get(position);
    if (known === undefined) times.set(position, [Number(timestamp)]);
    else known.push(Number(timestamp));
  });
  const rates = [...times.values()].filter(({ length }) => length >= LEAST_ROWS).map(rateOf);
  return rates.sort((a, b) => b.rowsPerSecond - a.rowsPerSecond)[0];
}

/** The rows of the first moment are where the time begins: they are not part of what came in it. */
export function rateOf(timesMs: readonly number[]): SnapshotRate {
  const firstMs = timesMs.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const lastMs = timesMs.reduce((most, time) => Math.max(most, time), 0);
  const durationMs = Math.max(1, lastMs - firstMs);
  const later = timesMs.filter((time) => time > firstMs).length;
  const came = later === 0 ? timesMs.length : later;
  return { rows: timesMs.length, durationMs, rowsPerSecond: Math.round((came * 1_000) / durationMs) };
}
