import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { poll } from '../wait.ts';

/** A table that no pipeline captures. */
const TABLE = 'public.cdc_lab_neighbour';
const CHUNK_MB = 8;
/** How long a capture that confirms what is not its own takes at most, when the machine is busy. */
const CONFIRMED_WITHIN_MS = 1_500;

/**
 * A neighbour of the captured tables is written to. Each chunk ends with a checkpoint, as a server takes one from time to
 * time. It writes no faster than a capture can confirm, but does not wait for one that confirms nothing.
 */
export default defineFault({
  description: 'write to a table that is not captured, at most as fast as a capture can confirm it',
  params: z.strictObject({ megabytes: z.number().int().min(CHUNK_MB).max(1_024) }),
  example: { megabytes: 64 },
  needs: [],
  touches: ['pg-source'],

  async observe({ access }) {
    return { lsn: await currentLsn(access) };
  },

  async inject({ access, instance, signal }, { megabytes }) {
    // Uncompressed, so that what is written is what is asked for.
    await access.query(
      'source',
      `CREATE TABLE IF NOT EXISTS ${TABLE} (id bigint, body text STORAGE EXTERNAL)`,
    );
    let rows = 0;
    for (let written = 0; written < megabytes; written += CHUNK_MB) {
      const before = await currentLsn(access);
      await access.query(
        'source',
        `INSERT INTO ${TABLE} SELECT i, repeat('x', 100000) FROM generate_series(1, ${CHUNK_MB * 10}) i`,
      );
      rows += CHUNK_MB * 10;
      const confirmed = async () => {
        await access.query('source', 'CHECKPOINT');
        return released(access, instance.slot, before);
      };
      await poll(confirmed, { withinMs: CONFIRMED_WITHIN_MS, everyMs: 100, signal });
    }
    return { rows, lsn: await currentLsn(access) };
  },

  async prove({ access }, { megabytes }, before, { rows = 0 }) {
    if (rows === 0) return undefined;
    const [row] = await access.query('source', 'SELECT pg_current_wal_lsn() - $1::pg_lsn AS bytes', [
      before.lsn,
    ]);
    const walBytes = Number(row?.bytes ?? 0);
    return walBytes >= megabytes * 1024 * 1024 * 0.9 ? { table: TABLE, rows, walBytes } : undefined;
  },

  async heal({ access }) {
    await access.query('source', `DROP TABLE IF EXISTS ${TABLE}`);
    return { said: 'the neighbour is gone', evidence: {} };
  },
});

/** Whether the slot no longer needs the WAL before this position. */
async function released(access: Pick<Access, 'query'>, slot: string, lsn: string): Promise<boolean> {
  const [row] = await access.query(
    'source',
    'SELECT restart_lsn >= $2::pg_lsn AS is FROM pg_replication_slots WHERE slot_name = $1',
    [slot, lsn],
  );
  return row?.is === true;
}

async function currentLsn(access: Pick<Access, 'query'>): Promise<string> {
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  return String(row?.lsn);
}
