import { METADATA_COLUMNS } from '../../../pipeline/contract/sink-tables.ts';
import type { VerifierConfig } from '../../config.ts';
import { ident } from '../../connection/postgres.ts';
import type { Catalogues } from '../catalogues.ts';
import type { Connections } from '../pipeline-progress.ts';
import { relationOf, type Table } from '../source/catalogue.ts';
import type { AdditiveColumn } from '../topic/additive-sums.ts';
import { type Processed, readProcessed } from './processed.ts';

/** Sums of the sink's rows, and how far the sink was when they were as they are. */
export interface SinkSums {
  /** By the source's table. */
  readonly tables: ReadonlyMap<string, TableSums>;
  readonly processed: readonly Processed[];
}

export interface TableSums {
  /** Each column's sum, in units of its last digit. Null: no number. */
  readonly sums: readonly (bigint | null)[];
  /** Rows that were written by no event, so that the events do not make the sum. */
  readonly foreignRows: number;
}

/** Where the sums are read. */
export interface SumsInputs extends Pick<Connections, 'sink'> {
  readonly config: VerifierConfig;
  readonly catalogues: () => Promise<Catalogues>;
  /** Topic of each expected table. */
  readonly topics: () => Promise<ReadonlyMap<string, string>>;
}

/**
 * Adds up the rows of each copy in the snapshot in which the offsets are read: the sink moves both together.
 * Null where the sink keeps no offsets. A copy that keeps no positions is left out.
 */
export async function readSinkSums(
  context: SumsInputs,
  columns: ReadonlyMap<string, readonly AdditiveColumn[]>,
): Promise<SinkSums | null> {
  const { copies } = await context.catalogues();
  const topics = [...(await context.topics()).values()];
  const sink = await context.sink();
  return await sink.snapshot(async () => {
    const processed = await readProcessed(sink, context.config.sink.schema, topics);
    if (processed === null) return null;
    const tables = new Map<string, TableSums>();
    for (const [id, own] of columns) {
      const copy = copies.get(id);
      if (copy === undefined || own.length === 0 || !keepsPositions(copy)) continue;
      const sums = own.map(({ name }, i) => `coalesce(sum(${ident(name)}), 0)::text AS c${i}`);
      const foreign = `count(*) FILTER (WHERE ${ident(METADATA_COLUMNS.position)} IS NULL)::text AS foreign`;
      const row = await sink.one(`SELECT ${[...sums, foreign].join(', ')} FROM ${relationOf(copy)} AS t`);
      const units = own.map(({ scale }, i) => unscaled(row[`c${i}`] ?? '', scale));
      tables.set(id, { sums: units, foreignRows: Number(row.foreign) });
    }
    return { tables, processed };
  });
}

/** Whether a table of the sink says of each row which event wrote it. */
export function keepsPositions({ columns }: Table): boolean {
  return columns.some(({ name }) => name === METADATA_COLUMNS.position);
}

/** `12.5` with a scale of 2 is 1250. Null where it is no number, or one with more digits behind the point. */
function unscaled(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || fraction.length > scale) return null;
  const units = BigInt(whole + fraction.padEnd(scale, '0'));
  return sign === '-' ? -units : units;
}
