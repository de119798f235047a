import type { ConnectSchema } from '../decode/connect-schema.ts';
import { RecordError } from '../decode/record-error.ts';

/** PostgreSQL's longest `bit(n)`. A `varbit` without a limit comes with a greater length. */
export const MAX_BITS = 83_886_080;

/**
 * The type of a column that is created for a field, as `CREATE TABLE` takes it.
 * @throws RecordError if the sink has no type for it.
 */
export function columnTypeOf(schema: ConnectSchema): string {
  switch (schema.name) {
    case 'org.apache.kafka.connect.data.Decimal': {
      const precision = Number(schema.parameters['connect.decimal.precision'] ?? '0');
      const scale = Number(schema.parameters.scale ?? '0');
      return precision > 0 ? `numeric(${precision},${scale})` : 'numeric';
    }
    case 'io.debezium.data.VariableScaleDecimal':
      return 'numeric';
    case 'io.debezium.time.Date':
    case 'org.apache.kafka.connect.data.Date':
    case 'io.debezium.time.IsoDate':
      return 'date';
    case 'io.debezium.time.Timestamp':
    case 'org.apache.kafka.connect.data.Timestamp':
      return 'timestamp(3)';
    case 'io.debezium.time.MicroTimestamp':
    case 'io.debezium.time.NanoTimestamp':
    case 'io.debezium.time.IsoTimestamp':
      return 'timestamp';
    case 'io.debezium.time.ZonedTimestamp':
      return 'timestamptz';
    case 'io.debezium.time.Time':
    case 'org.apache.kafka.connect.data.Time':
      return 'time(3)';
    case 'io.debezium.time.MicroTime':
    case 'io.debezium.time.NanoTime':
    case 'io.debezium.time.IsoTime':
      return 'time';
    case 'io.debezium.time.ZonedTime':
      return 'timetz';
    case 'io.debezium.time.MicroDuration':
    case 'io.debezium.time.Interval':
      return 'interval';
    case 'io.debezium.data.Uuid':
      return 'uuid';
    case 'io.debezium.data.Json':
      // json keeps the text as it is; jsonb would reorder the members of a json column of the source.
      return 'json';
    case 'io.debezium.data.Xml':
      return 'text';
    case 'io.debezium.data.geometry.Point':
      return 'point';
    case 'io.debezium.data.Bits': {
      const length = Number(schema.parameters.length ?? '1');
      return length > MAX_BITS ? 'bit varying' : `bit varying(${length})`;
    }
    default:
      return columnTypeByName(schema);
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int8: 'smallint',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  float: 'real',
  float32: 'real',
  double: 'double precision',
  float64: 'double precision',
  boolean: 'boolean',
  string: 'text',
  bytes: 'bytea',
  map: 'json',
};

function columnTypeByName(schema: ConnectSchema): string {
  if (schema.type === 'array' && schema.items !== null) return `${columnTypeOf(schema.items)}[]`;
  const type = TYPE_NAMES[schema.type];
  if (type !== undefined) return type;
  throw new RecordError(
    `field '${schema.field ?? ''}' has the type ${schema.name ?? schema.type}, for which the sink has no column`,
  );
}
