import { quote } from './json.ts';

/** A schema of Kafka Connect, as JsonConverter writes it with `schemas.enable=true`. */
export interface ConnectSchema {
  readonly type:
    | 'boolean'
    | 'int16'
    | 'int32'
    | 'int64'
    | 'float'
    | 'double'
    | 'string'
    | 'bytes'
    | 'array'
    | 'map'
    | 'struct';
  readonly fields?: readonly ConnectField[];
  readonly items?: ConnectSchema;
  readonly keys?: ConnectSchema;
  readonly values?: ConnectSchema;
  readonly optional?: boolean;
  /** Semantic type, such as `io.debezium.time.Date`. */
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** The default as JSON text. */
  readonly default?: string;
}
export interface ConnectField extends ConnectSchema {
  readonly field: string;
}

/** The schema as JSON, its keys in JsonConverter's order. */
export function schemaJson(schema: ConnectSchema | ConnectField): string {
  const parts = [`"type":"${schema.type}"`];
  if (schema.fields !== undefined) parts.push(`"fields":[${schema.fields.map(schemaJson).join(',')}]`);
  if (schema.items !== undefined) parts.push(`"items":${schemaJson(schema.items)}`);
  if (schema.keys !== undefined) parts.push(`"keys":${schemaJson(schema.keys)}`);
  if (schema.values !== undefined) parts.push(`"values":${schemaJson(schema.values)}`);
  parts.push(`"optional":${schema.optional ?? false}`);
  if (schema.name !== undefined) parts.push(`"name":${quote(schema.name)}`);
  if (schema.version !== undefined) parts.push(`"version":${schema.version}`);
  if (schema.doc !== undefined) parts.push(`"doc":${quote(schema.doc)}`);
  if (schema.parameters !== undefined) {
    const parameters = Object.entries(schema.parameters).map(
      ([key, value]) => `${quote(key)}:${quote(value)}`,
    );
    parts.push(`"parameters":{${parameters.join(',')}}`);
  }
  if (schema.default !== undefined) parts.push(`"default":${schema.default}`);
  if ('field' in schema) parts.push(`"field":${quote(schema.field)}`);
  return `{${parts.join(',')}}`;
}

function field(name: string, type: ConnectSchema['type'], optional = false): ConnectField {
  return { type, optional, field: name };
}

const SNAPSHOT_FIELD: ConnectField = {
  type: 'string',
  optional: true,
  name: 'io.debezium.data.Enum',
  version: 1,
  parameters: {
    allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental',
  },
  default: '"false"',
  field: 'snapshot',
};

const SOURCE_FIELD: ConnectField = {
  type: 'struct',
  fields: [
    field('version', 'string'),
    field('connector', 'string'),
    field('name', 'string'),
    field('ts_ms', 'int64'),
    SNAPSHOT_FIELD,
    field('db', 'string'),
    field('sequence', 'string', true),
    field('ts_us', 'int64', true),
    field('ts_ns', 'int64', true),
    field('schema', 'string'),
    field('table', 'string'),
    field('txId', 'int64', true),
    field('lsn', 'int64', true),
    field('xmin', 'int64', true),
    field('origin', 'string', true),
    field('origin_lsn', 'int64', true),
  ],
  name: 'io.debezium.connector.postgresql.Source',
  version: 1,
  field: 'source',
};

const TRANSACTION_FIELD: ConnectField = {
  type: 'struct',
  fields: [field('id', 'string'), field('total_order', 'int64'), field('data_collection_order', 'int64')],
  optional: true,
  name: 'event.block',
  version: 1,
  field: 'transaction',
};

/** Schema of a change event of the table whose topic is `topic`. Source: Debezium 3.6, `Envelope` version 2. */
export function envelopeSchema(topic: string, columns: readonly ConnectField[]): ConnectSchema {
  const row = { type: 'struct', fields: columns, optional: true, name: `${topic}.Value` } as const;
  return {
    type: 'struct',
    fields: [
      { ...row, field: 'before' },
      { ...row, field: 'after' },
      SOURCE_FIELD,
      TRANSACTION_FIELD,
      field('op', 'string'),
      field('ts_ms', 'int64', true),
      field('ts_us', 'int64', true),
      field('ts_ns', 'int64', true),
    ],
    name: `${topic}.Envelope`,
    version: 2,
  };
}

/** Schema of the key of the table whose topic is `topic`. */
export function keySchema(topic: string, columns: readonly ConnectField[]): ConnectSchema {
  return { type: 'struct', fields: columns, name: `${topic}.Key` };
}
