import type { SinkConfig } from '../config/sink-config.ts';
import { RecordError } from '../decode/record-error.ts';
import type { SinkEvent } from '../decode/record-parser.ts';

/** The part of the configuration that says which fields of an event are used. */
export type FieldConfig = Pick<
  SinkConfig,
  | 'primaryKeyMode'
  | 'primaryKeyFields'
  | 'includeFields'
  | 'excludeFields'
  | 'deleteEnabled'
  | 'truncateEnabled'
>;

/**
 * Names of the key columns of the event's table; empty if rows have no key.
 * @throws RecordError if the record lacks the key that `primary.key.mode` needs.
 */
export function keyNamesOf(
  { primaryKeyMode, primaryKeyFields }: FieldConfig,
  event: SinkEvent,
): readonly string[] {
  if (primaryKeyMode === 'none' || event.kind === 'truncate') return [];
  if (primaryKeyMode === 'record_value') return primaryKeyFields;
  if (event.key === null) {
    throw new RecordError('the record has no key, and primary.key.mode is record_key');
  }
  const names = Object.keys(event.key);
  return primaryKeyFields.length === 0 ? names : names.filter((name) => primaryKeyFields.includes(name));
}

/** Fields of the event's row that go into the sink: the key, and what the include or exclude list leaves. */
export function fieldNamesOf(
  { includeFields, excludeFields }: FieldConfig,
  event: SinkEvent,
  keys: readonly string[],
): string[] {
  const all = event.rowSchema?.fields.map((field) => field.field ?? '') ?? Object.keys(event.row ?? {});
  const isListed = (list: readonly string[], name: string): boolean =>
    list.includes(name) || list.includes(`${event.record.topic}:${name}`);
  return all.filter((name) => {
    if (keys.includes(name)) return true;
    if (includeFields.length > 0) return isListed(includeFields, name);
    return !isListed(excludeFields, name);
  });
}

/** False for an event that the configuration leaves out. */
export function isWanted({ deleteEnabled, truncateEnabled }: FieldConfig, event: SinkEvent): boolean {
  switch (event.kind) {
    case 'ignore':
      return false;
    case 'delete':
    case 'tombstone':
      return deleteEnabled;
    case 'truncate':
      return truncateEnabled;
    case 'upsert':
      return true;
  }
}
