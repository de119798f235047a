import type { CheckContext, CheckResult } from '../check.ts';

type Found = Pick<CheckResult, 'verdict' | 'status'>;

interface Periodic<T> {
  /** Reads whole tables, as a single verification does. */
  readonly look: () => Promise<T>;
  /** @param at When it was found, as a time of day. */
  readonly repeat: (found: T, at: string) => T;
  /** Looks again after this at the latest, however long the scan period is. */
  readonly mostMs?: number;
}

/**
 * Looks at whole tables, for a service that follows their changes: once in the scan period, and in between it repeats what
 * was found, saying when that was. It looks at once if it did not pass the last time, if a table was compared whole
 * (something was not followed), or if any row is not equal now.
 */
export async function periodic<T extends Found>(
  name: string,
  context: CheckContext,
  { look, repeat, mostMs = Number.POSITIVE_INFINITY }: Periodic<T>,
): Promise<T> {
  const { config, memory } = context;
  const everyMs = Math.min(config.incremental?.scanEveryMs ?? 0, mostMs);
  if (memory === undefined || everyMs === 0) return await look();
  const last = memory.lastLooks.get(name);
  const atMs = performance.now();
  if (last !== undefined && atMs - last.atMs < everyMs && (await isQuiet(context)))
    return repeat(last.found as T, last.at);
  const at = new Date().toISOString().slice(11, 19);
  const found = await look();
  if (found.verdict === 'PASS' && found.status !== 'not-applicable')
    memory.lastLooks.set(name, { atMs, at, found });
  else memory.lastLooks.delete(name);
  return found;
}

/** A check that is {@link periodic}. */
export function periodically(
  name: string,
  look: (context: CheckContext) => Promise<CheckResult>,
  mostMs?: number,
): (context: CheckContext) => Promise<CheckResult> {
  return async (context) =>
    await periodic<CheckResult>(name, context, {
      look: () => look(context),
      repeat: (found, at) => ({ ...found, detail: `${found.detail} (whole tables read at ${at})` }),
      ...(mostMs === undefined ? {} : { mostMs }),
    });
}

/** Whether all tables are equal, and were compared by their changes only. */
async function isQuiet({ pipeline, evidence }: CheckContext): Promise<boolean> {
  if (pipeline.fence.tag !== 'passed') return false;
  const { tables, scans } = await evidence.content();
  if (scans == null || scans.tables.length !== tables.length) return false;
  const isFollowed = scans.tables.every(({ compared }) => compared === 'changed keys');
  return isFollowed && tables.every(({ comparison }) => comparison?.equal === true);
}
