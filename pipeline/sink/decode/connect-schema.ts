import { isObject } from './json.ts';
import { RecordError } from './record-error.ts';

/** A schema of Kafka Connect, as JsonConverter writes it. */
export interface ConnectSchema {
  readonly type: string;
  readonly optional: boolean;
  /** The semantic type, such as `io.debezium.time.MicroTimestamp`. */
  readonly name: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly hasDefault: boolean;
  readonly default: unknown;
  /** The field's name, inside a struct. */
  readonly field: string | null;
  readonly fields: readonly ConnectSchema[];
  /** The element type of an array. */
  readonly items: ConnectSchema | null;
}

/** @throws RecordError if the JSON is not a schema. */
export function readSchema(json: unknown): ConnectSchema {
  if (!isObject(json) || typeof json.type !== 'string')
    throw new RecordError('the schema block is malformed');
  const parameters: Record<string, string> = {};
  if (isObject(json.parameters)) {
    for (const [name, value] of Object.entries(json.parameters)) parameters[name] = String(value);
  }
  const fields = json.fields;
  return {
    type: json.type,
    optional: json.optional === true,
    name: typeof json.name === 'string' ? json.name : null,
    parameters,
    hasDefault: Object.hasOwn(json, 'default'),
    default: json.default ?? null,
    field: typeof json.field === 'string' ? json.field : null,
    fields: Array.isArray(fields) ? fields.map(readSchema) : [],
    items: isObject(json.items) ? readSchema(json.items) : null,
  };
}

/** The field of a struct by its name; null if there is none. */
export function fieldOf(schema: ConnectSchema | null, name: string): ConnectSchema | null {
  return schema?.fields.find((field) => field.field === name) ?? null;
}
