import { expect, test } from 'vitest';
import { type EncoderConfig, UNCHANGED_HEADER } from '../../contract/envelope.ts';
import { type TupleValue, UNCHANGED_TOAST } from '../../contract/pgoutput.ts';
import type { ConsumedRecord, ProducedRecord } from '../../contract/records.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { column, DEFAULTS, STREAM, table, WITH_SCHEMAS } from '../../envelope/testing/fixtures.ts';
import { fieldOf } from '../decode/connect-schema.ts';
import { RecordParser } from '../decode/record-parser.ts';
import { PlaceholderForms } from './placeholder.ts';

const TEXT = '__debezium_unavailable_value';
const FORMS = new PlaceholderForms(TEXT);
const consumed = ({ headers, ...record }: ProducedRecord): ConsumedRecord => ({
  ...record,
  headers: new Map([...headers].map(([name, value]) => [name, Buffer.from(value)])),
  partition: 0,
  offset: 0n,
  timestampMs: 0,
});

/** A type, its settings, and the text of the value whose event looks like the placeholder. */
const CASES: readonly { type: string; lookalike: string; settings?: Partial<EncoderConfig> }[] = [
  { type: 'text', lookalike: TEXT },
  { type: 'json', lookalike: TEXT },
  { type: 'bytea', lookalike: `\\x${Buffer.from(TEXT).toString('hex')}` },
  { type: 'hstore', lookalike: `"${TEXT}"=>"${TEXT}"` },
  { type: 'hstore', lookalike: `"${TEXT}"=>"${TEXT}"`, settings: { hstore: 'map' } },
  { type: '_text', lookalike: `{${TEXT}}` },
  { type: '_int4', lookalike: `{${[...Buffer.from(TEXT)].join(',')}}` },
  { type: '_uuid', lookalike: '{b68a35a7-17ad-35b3-af2a-ae46edb4545a}' },
  { type: '_bytea', lookalike: `{"\\\\x${Buffer.from(TEXT).toString('hex')}"}` },
];

test.each(CASES)('$type: a value that looks like the placeholder is told from it', (example) => {
  const { type, lookalike, settings } = example;
  const encoder = createEventEncoder({ ...DEFAULTS, ...WITH_SCHEMAS, ...settings });
  const id = column('id', 'int4', { keyRank: 1, notNull: true });
  encoder.describe(table([id, column('v', type), column('w', type)]));
  const update = (v: TupleValue, w: TupleValue) => {
    const [record] = encoder.update(1, null, 'none', ['1', v, w], STREAM);
    if (record === undefined) throw new Error('no record');
    return consumed(record);
  };
  const unchangedOf = (record: ConsumedRecord) => {
    const event = new RecordParser({ key: true, value: true }).parse(record);
    const byForm = ['v', 'w'].filter((name) => {
      const schema = fieldOf(event.rowSchema, name);
      return schema !== null && FORMS.ofSchema(schema)?.(event.row?.[name]) === true;
    });
    return event.unchanged ?? byForm;
  };
  const kept = update(null, UNCHANGED_TOAST);
  expect(kept.headers.has(UNCHANGED_HEADER)).toBe(false);
  expect(unchangedOf(kept)).toEqual(['w']);
  expect(unchangedOf(update(lookalike, UNCHANGED_TOAST))).toEqual(['w']);
  expect(unchangedOf(update(lookalike, lookalike))).toEqual([]);
  const [created] = encoder.create(1, ['1', lookalike, null], STREAM);
  if (created === undefined) throw new Error('no record');
  expect(unchangedOf(consumed(created))).toEqual([]);
});

test.each([
  ['text', false],
  ['bytea', false],
  ['hstore', false],
  ['text', true],
  ['int4', true],
  ['uuid', true],
])('without a schema, the column of type %s (array: %s) says which form to expect', (typeName, isArray) => {
  const encoder = createEventEncoder(DEFAULTS);
  const id = column('id', 'int4', { keyRank: 1, notNull: true });
  encoder.describe(table([id, column('v', isArray ? `_${typeName}` : typeName)]));
  const [record] = encoder.update(1, null, 'none', ['1', UNCHANGED_TOAST], STREAM);
  const sent: unknown = JSON.parse(String(record?.value)).after.v;
  const test = FORMS.ofTarget({ typeName, isArray, typeModifier: -1 });
  expect(test?.(sent)).toBe(true);
  for (const value of ['', `${TEXT}x`, [], [1], ['x'], {}, 5, true]) expect(test?.(value)).toBe(false);
});
