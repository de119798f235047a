import { scanTable } from '../compare/scan-table.ts';
import { settleTables, type TableComparison } from '../compare/table-comparison.ts';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import type { DatabasePair } from './databases.ts';

/**
 * Compares a table of two databases at rest, as the verifier does in its first scan.
 * @param asSink Changes the description of the copy, as if its server were another one.
 */
export async function compare(
  pair: DatabasePair,
  name = 'items',
  asSink: (copy: Table) => Table = (copy) => copy,
): Promise<TableComparison> {
  const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const [table, copy] = [ours.get(`public.${name}`), theirs.get(`public.${name}`)];
  if (table === undefined) throw new Error(`no table ${name}`);
  const options = {
    passFence: async () => 'passed' as const,
    maxSettledKeys: 1_000,
    settleRounds: 3,
    versionColumn: 'version',
    snapshotBoundMs: 30_000,
    rowsPerPart: null,
    signal: AbortSignal.timeout(30_000),
  };
  const scanned = await scanTable(pair.source, pair.sink, table, copy && asSink(copy), options);
  const [comparison] = await settleTables(pair.source, pair.sink, [scanned], options);
  if (comparison === undefined || comparison instanceof Error) throw comparison;
  return comparison;
}

/** Number of wrong rows by class, without zeros. */
export function found(comparison: TableComparison): Record<string, number> {
  return Object.fromEntries(Object.entries(comparison.counts).filter(([, count]) => count > 0));
}
