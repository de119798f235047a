import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Instance } from '../lab/lab.ts';
import type { Access } from './access.ts';

/** What a source has lost of the commits that it had confirmed. */
export interface Rebased {
  /** Where the source's WAL ended when it came back: commits after it are gone. */
  readonly lsn: string;
  readonly lost: number;
}

/**
 * After the source itself has lost commits, as by a failover or a restore: the ledger then counts them as failed, since
 * nobody downstream is to be blamed for rows that the source does not have. To be called before anything is written to the
 * source again, and while no workload runs. The file is replaced, so that the verifier reads all of it again.
 */
export async function rebaseLedger(
  access: Pick<Access, 'query'>,
  { ledgerPath }: Pick<Instance, 'ledgerPath'>,
): Promise<Rebased> {
  const lines = readFileSync(ledgerPath, 'utf8').split('\n');
  const confirmed = lines.flatMap((line) => confirmedIn(line) ?? []);
  const lost = new Set(await lostOf(access, confirmed));
  const rebased = lines.map((line) => {
    const tx = confirmedIn(line);
    if (tx === undefined || !lost.has(tx)) return line;
    return JSON.stringify({ ...JSON.parse(line), result: 'fail', settled: true });
  });
  const fresh = `${ledgerPath}.fresh`;
  writeFileSync(fresh, rebased.join('\n'), { flush: true });
  renameSync(fresh, ledgerPath);
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  return { lsn: String(row?.lsn), lost: lost.size };
}

/** The transaction that a line of the ledger says is committed: its xid. */
function confirmedIn(line: string): number | undefined {
  if (!line.includes('"t":"outcome"')) return undefined;
  const { tx, result } = JSON.parse(line) as { readonly tx: number; readonly result: string };
  return result === 'ok' ? tx : undefined;
}

/** Of these transactions, those that the source does not know as committed. One from its future has not begun yet. */
async function lostOf(access: Pick<Access, 'query'>, xids: readonly number[]): Promise<number[]> {
  const rows = await access.query(
    'source',
    `SELECT t.xid FROM unnest($1::text[]) AS t (xid)
      WHERE CASE WHEN t.xid::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN true
                 ELSE pg_xact_status(t.xid::xid8) IS DISTINCT FROM 'committed' END`,
    [xids.map(String)],
  );
  return rows.map(({ xid }) => Number(xid));
}
