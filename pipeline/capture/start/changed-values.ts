import type { EncoderConfig } from '../../contract/envelope.ts';
import type { ColumnDescription } from '../../contract/table.ts';

type Modes = Pick<EncoderConfig, 'decimals' | 'interval' | 'time'>;

/** A column with values that the events change, as Debezium's do. */
export interface ChangedColumn {
  readonly column: string;
  readonly change: string;
  /** The setting that keeps the value. */
  readonly remedy: string;
}

/** The columns whose values the events change under this configuration, with the setting that would keep them. */
export function changedValues(columns: readonly ColumnDescription[], modes: Modes): ChangedColumn[] {
  return columns.flatMap((column) => {
    const found = changeOf(column, modes);
    return found === undefined ? [] : [{ column: column.name, ...found }];
  });
}

function changeOf(
  { typeName, typeModifier }: ColumnDescription,
  { decimals, interval, time }: Modes,
): Omit<ChangedColumn, 'column'> | undefined {
  if (typeName === 'interval' && interval === 'numeric') {
    return { change: 'a month becomes 30.4375 days', remedy: 'Set interval.handling.mode=string.' };
  }
  if (typeName === 'numeric' && decimals === 'double') {
    return {
      change: 'digits beyond those of a double are lost',
      remedy: 'Set decimal.handling.mode=string.',
    };
  }
  if (typeName === 'numeric' && typeModifier < 0 && decimals === 'precise') {
    return {
      change: 'zeros at the end of the fraction are lost',
      remedy: 'Set decimal.handling.mode=string.',
    };
  }
  if (typeName === 'timetz') {
    return {
      change: 'the time becomes UTC, without its zone',
      remedy: 'No setting keeps the zone: use timestamptz.',
    };
  }
  if (typeName === 'varbit') {
    return {
      change: 'the length is lost, with zeros in front',
      remedy: 'No setting keeps it: use bit(n) or text.',
    };
  }
  if (['time', 'timestamp'].includes(typeName) && time === 'connect') {
    return { change: 'microseconds are cut', remedy: 'Set time.precision.mode=adaptive.' };
  }
  return undefined;
}
