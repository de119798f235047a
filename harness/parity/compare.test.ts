import { describe, expect, test } from 'vitest';
import { compareTopics, opOf, type SeenRecord } from './compare.ts';
import { type Difference, LISTED } from './differences.ts';
import { describeDifference, judge, withMeasured } from './report.ts';
import { VARIANTS } from './variants.ts';

const PLACE = { variant: 'v', topic: 'PREFIX.public.t' };

function record(value: string | null, other: Partial<SeenRecord> = {}): SeenRecord {
  return { partition: 0, key: '{"id":1}', value, headers: {}, ...other };
}

function pathsOf(ours: readonly SeenRecord[], theirs: readonly SeenRecord[]): string[] {
  return compareTopics(PLACE, ours, theirs).map(({ path }) => path);
}

describe('two topics', () => {
  const value = '{"op":"u","before":null,"after":{"a":1.0,"b":[1,null],"c":9007199254740993}}';

  test('are equal if every field of every record is', () => {
    expect(pathsOf([record(value), record(null)], [record(value), record(null)])).toEqual([]);
  });

  test.each([
    ['a number that is written differently', record(value.replace('1.0', '1')), ['value.after.a']],
    ['a number that a double cannot hold exactly', record(value.replace('993', '992')), ['value.after.c']],
    ['an element', record(value.replace('null]', '2]')), ['value.after.b.1']],
    ['an additional element', record(value.replace('null]', 'null,2]')), ['value.after.b.2']],
    ['a missing field', record(value.replace('"a":1.0,', '')), ['value.after.a']],
    [
      'a missing field that is NULL in the other',
      record(value.replace('"before":null,', '')),
      ['value.before'],
    ],
    ['a tombstone', record(null), ['value']],
    ['the bytes of a key', record(value, { key: '{ "id":1}' }), ['key']],
    ['a missing key', record(value, { key: null }), ['key']],
    ['a partition', record(value, { partition: 1 }), ['partition']],
    ['a header', record(value, { headers: { h: '1' } }), ['headers.h']],
    [
      'the order of fields',
      record('{"before":null,"op":"u","after":{"a":1.0,"b":[1,null],"c":9007199254740993}}'),
      ['value (order of fields)'],
    ],
  ])('differ in %s', (_what, theirs, paths) => {
    expect(pathsOf([record(value)], [theirs])).toEqual(paths);
    expect(pathsOf([theirs], [record(value)])).toEqual(paths);
  });

  test('differ in their number of records, with the operations of both', () => {
    expect(compareTopics(PLACE, [record(value)], [record(value), record(null)])).toEqual([
      { ...PLACE, index: -1, op: '', path: 'count', ours: 'u', theirs: 'u tombstone' },
    ]);
  });

  test('know the operation of a record with a schema and of one without', () => {
    expect(opOf(record('{"schema":{},"payload":{"op":"r"}}'))).toBe('r');
    expect(opOf(record('{"ts_ms":1}'))).toBe('other');
  });
});

describe('the list of differences', () => {
  const difference: Difference = {
    ...PLACE,
    index: 0,
    op: 'u',
    path: 'value.payload.after.name',
    ours: 'a',
    theirs: 'b',
  };
  const covered = (change: Partial<Difference>) =>
    LISTED.some(({ covers }) => covers({ ...difference, ...change }));

  test.each([
    ['a value', {}],
    ['a schema', { path: 'value.schema.fields.0.type' }],
    ['a key', { path: 'key' }],
    ['an additional record', { path: 'count' }],
    ['the LSN of a change', { path: 'value.payload.source.lsn' }],
    ['a table’s column with the name of a time', { path: 'value.payload.after.ts_ms' }],
    ['a placeholder that only Debezium has', { topic: 'P.public.t_toast', path: 'value.after.data' }],
  ])('does not cover %s', (_what, change) => {
    expect(covered(change)).toBe(false);
  });

  test.each([
    ['the version', { path: 'value.payload.source.version' }],
    ['the time at which an event was made', { path: 'value.ts_us' }],
    ['the LSN of a snapshot row', { op: 'r', path: 'value.payload.source.lsn' }],
  ])('covers %s', (_what, change) => {
    expect(covered(change)).toBe(true);
  });

  test('is counted apart from unexplained differences, and goes into the page', () => {
    const variant = VARIANTS[0];
    if (variant === undefined) throw new Error('there is no variant');
    const version = { ...difference, path: 'value.source.version' };
    const judged = judge([{ variant, records: 2, differences: [difference, version, version] }], LISTED);
    expect(judged.rows).toMatchObject([{ records: 2, listed: 2, unexplained: [difference] }]);
    expect(judged.listed[0]?.seen).toBe(2);
    const page = 'a\n<!-- measured: begin -->\nformer figures\n<!-- measured: end -->\nz';
    expect(withMeasured(page, judged)).toMatch(
      /^a\n<!-- [\s\S]*\| \*\*all\*\* \| {2}\| 2 \| 2 \| 1 \|[\s\S]*\nz$/,
    );
    expect(withMeasured(page, judged)).not.toContain('former figures');
    expect(() => withMeasured('a', judged)).toThrow('lacks');
    expect(describeDifference(difference)).toBe(
      'public.t[0] u value.payload.after.name: ours "a", Debezium "b"',
    );
  });
});
