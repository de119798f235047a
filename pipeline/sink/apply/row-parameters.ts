import type { Change } from '../bind/change.ts';
import type { SinkTable } from '../bind/sink-table.ts';
import { arrayParameter, instantsParameter } from './array-parameter.ts';
import type { Folded } from './plan-statements.ts';
import { elementType } from './statements.ts';

/** Parameters of `upsertSql` and `partialSql`, without those that check tombstones. */
export function rowParameters(
  table: SinkTable,
  shape: string,
  rows: readonly Folded[],
  marks: { readonly receivedAt: string; readonly watermark: string },
): unknown[] {
  const parameters: unknown[] = [];
  table.columns.forEach((column, i) => {
    if (shape[i] === '+') {
      const values = rows.map(({ change }) => change.values[i] ?? null);
      parameters.push(arrayParameter(values, elementType(column)));
    }
  });
  parameters.push(
    texts(rows, ({ op }) => op),
    texts(rows, ({ lsn }) => lsn),
    texts(rows, ({ position }) => position),
    instants(rows, ({ sourceTsUs }) => sourceTsUs),
    instants(rows, ({ capturedUs }) => capturedUs),
    marks.receivedAt,
    marks.watermark,
  );
  return parameters;
}

/** The two parameters that check tombstones, after {@link rowParameters}. */
export function tombstoneParameters(table: SinkTable, rows: readonly Folded[]): unknown[] {
  return [table.name.qualified, texts(rows, ({ key }) => key)];
}

/** Parameters of the statements that find rows by key: `deleteSql`, `plainDeleteSql`, `positionsSql`. */
export function keyParameters(table: SinkTable, keys: readonly string[], rows: readonly Folded[]): unknown[] {
  const columns = keys.map((name, i) => {
    const column = table.columns[table.indexOf.get(name) ?? -1];
    const values = rows.map(({ change }) => change.keyValues[i] ?? null);
    return arrayParameter(values, column === undefined ? 'text' : elementType(column));
  });
  return [
    ...columns,
    texts(rows, ({ key }) => key),
    texts(rows, ({ position }) => position),
    table.name.qualified,
  ];
}

function texts(rows: readonly Folded[], of: (change: Change) => string | null): unknown {
  return arrayParameter(
    rows.map(({ change }) => of(change)),
    'text',
  );
}

function instants(rows: readonly Folded[], of: (change: Change) => number | null): unknown {
  return instantsParameter(rows.map(({ change }) => of(change)));
}
