import type { EncoderConfig, EventContext } from '../../contract/envelope.ts';
import type { Lsn, Xid } from '../../contract/lsn.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { ColumnDescription, TableDescription } from '../../contract/table.ts';

/** Debezium's defaults, and a clock that always reads one second after the epoch. */
export const DEFAULTS: EncoderConfig = {
  topicPrefix: 'lab',
  database: 'shop',
  schemasEnable: { key: false, value: false },
  tombstonesOnDelete: true,
  unavailableValue: '__debezium_unavailable_value',
  decimals: 'precise',
  time: 'adaptive',
  binary: 'bytes',
  interval: 'numeric',
  nowUs: () => 1_000_000n,
};

/** Key and value with their schemas. */
export const WITH_SCHEMAS: Pick<EncoderConfig, 'schemasEnable'> = {
  schemasEnable: { key: true, value: true },
};

export const STREAM: EventContext = {
  position: '00000001-00000000016B3748-0000000C' as Position,
  lsn: 24_000_000n as Lsn,
  lastCommitLsn: 23_999_000n as Lsn,
  xid: 742 as Xid,
  commitTimeUs: 1_709_251_199_123_456n,
  snapshot: 'false',
};

/** A column by name and type. A type with `enumLabels` is an enum, and one that begins with `_` is an array. */
export function column(
  name: string,
  typeName: string,
  other: Partial<ColumnDescription> = {},
): ColumnDescription {
  const element = typeName.startsWith('_') ? typeName.slice(1) : null;
  const kind = (other.enumLabels ?? null) === null ? 'b' : 'e';
  return {
    name,
    typeOid: 0,
    typeName,
    typeModifier: -1,
    typeKind: element === null ? kind : 'b',
    elementType: element === null ? null : { typeOid: 0, typeName: element, typeKind: kind },
    enumLabels: null,
    notNull: false,
    defaultText: null,
    keyRank: 0,
    ...other,
  };
}

export function table(columns: readonly ColumnDescription[], name = 'orders'): TableDescription {
  return { relationOid: 1, schema: 'public', table: name, replicaIdentity: 'default', columns };
}

/** The record with its key, value and headers as text. */
export function readable(record: ProducedRecord): {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
} {
  return {
    topic: record.topic,
    key: record.key?.toString() ?? null,
    value: record.value?.toString() ?? null,
    headers: Object.fromEntries([...record.headers].map(([name, value]) => [name, String(value)])),
  };
}
