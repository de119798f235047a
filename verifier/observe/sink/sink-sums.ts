import { METADATA_COLUMNS } from '../../../pipeline/contract/sink-tables.ts';
import { type Database, ident } from '../../connection/postgres.ts';
import { eachTable, type Walk } from '../each-table.ts';
import { relationOf, type Table } from '../source/catalogue.ts';
import type { AdditiveColumn } from '../topic/additive-sums.ts';
import { keepsMetadata } from './own-tables.ts';
import { type Processed, readProcessed } from './processed.ts';

/** Sums over the sink's rows, and the sink's offsets, in one snapshot. */
export interface SinkSums {
  /** By the id of the source's table. */
  readonly tables: ReadonlyMap<string, TableSums>;
  /** Why a table could not be summed, by the same id. */
  readonly unread: Walk<unknown>['unread'];
  readonly processed: readonly Processed[];
}

export interface TableSums {
  /** Each column's sum, in units of its last digit; null if the sum is not such a number. */
  readonly sums: readonly (bigint | null)[];
  /** Rows that no event wrote: with them, the sums are not those of the events. */
  readonly foreignRows: number;
}

interface SumsInputs {
  /** Schema of the sink's own tables. */
  readonly schema: string;
  readonly topics: readonly string[];
  readonly copies: ReadonlyMap<string, Table>;
  readonly columns: ReadonlyMap<string, readonly AdditiveColumn[]>;
}

/**
 * Sums the rows of each copy in the same snapshot in which it reads the offsets: the sink updates both in one
 * transaction. A copy that keeps no positions is left out.
 * @returns null if the sink keeps no offsets.
 */
export async function readSinkSums(
  sink: Database,
  { schema, topics, copies, columns }: SumsInputs,
): Promise<SinkSums | null> {
  return await sink.snapshot(async () => {
    const processed = await readProcessed(sink, schema, topics);
    if (processed === null) return null;
    const summed = [...columns].flatMap(([id, own]) => {
      const copy = copies.get(id);
      const isSummed = copy !== undefined && own.length > 0 && keepsPositions(copy);
      return isSummed ? [[id, { copy, own }] as const] : [];
    });
    const { answers, unread } = await eachTable(summed, ({ copy, own }) =>
      sink.savepoint(() => sumsOf(sink, copy, own)),
    );
    return { tables: answers, unread, processed };
  });
}

async function sumsOf(sink: Database, copy: Table, columns: readonly AdditiveColumn[]): Promise<TableSums> {
  const sums = columns.map(({ name }, i) => `coalesce(sum(${ident(name)}), 0)::text AS c${i}`);
  const foreign = `count(*) FILTER (WHERE ${ident(METADATA_COLUMNS.position)} IS NULL)::text AS foreign`;
  const row = await sink.one(`SELECT ${[...sums, foreign].join(', ')} FROM ${relationOf(copy)} AS t`);
  const units = columns.map(({ scale }, i) => unscaled(row[`c${i}`] ?? '', scale));
  return { sums: units, foreignRows: Number(row.foreign) };
}

/** Whether each row of a sink table carries the position of the event that wrote it. */
export function keepsPositions(copy: Table): boolean {
  return keepsMetadata(copy, 'position');
}

/** `12.5` with a scale of 2 is 1250. Null if the text is not a number, or has more fraction digits than the scale. */
function unscaled(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || fraction.length > scale) return null;
  const units = BigInt(whole + fraction.padEnd(scale, '0'));
  return sign === '-' ? -units : units;
}
