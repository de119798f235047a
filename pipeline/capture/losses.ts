import type { Logger, TaskMetrics } from '../contract/connector.ts';
import type { LostPart } from '../contract/envelope.ts';
import { quoteIdentifier, quoteTable } from './source/sql.ts';

/** Counts values that an event holds only in part, and warns of each column once, with the SQL that cures it. */
export function lossReporter(log: Logger, metrics: TaskMetrics): (lost: LostPart) => void {
  const told = new Set<string>();
  return ({ schema, table, column, loss }) => {
    metrics.count('lossy', `${schema}.${table}`, 1);
    const place = `${schema}.${table}.${column}`;
    if (told.has(place)) return;
    told.add(place);
    const name = quoteIdentifier(column);
    log.warn(`Events of ${place} do not hold ${loss}.`, {
      column: place,
      remedy:
        `As in Debezium, no setting keeps them. UPDATE ${quoteTable({ schema, table })} SET ${name} = ${name}[:] WHERE ` +
        `array_lower(${name}, 1) <> 1 lets the arrays begin at 1; cdc_lossy_values_total counts the values.`,
    });
  };
}
