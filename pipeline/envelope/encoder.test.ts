import { describe, expect, test } from 'vitest';
import type { EncoderConfig, EventEncoder } from '../contract/envelope.ts';
import { UNCHANGED_TOAST } from '../contract/pgoutput.ts';
import type { ProducedRecord } from '../contract/records.ts';
import type { ColumnDescription, TableDescription } from '../contract/table.ts';
import { createEventEncoder } from './encoder.ts';
import { column, DEFAULTS, readable, STREAM, table, WITH_SCHEMAS } from './testing/fixtures.ts';

const COLUMNS: readonly ColumnDescription[] = [
  column('id', 'int4', { notNull: true, keyRank: 1 }),
  column('note', 'text'),
  column('version', 'int8', { notNull: true }),
];

const SOURCE =
  '"source":{"version":"0.1.0","connector":"postgresql","name":"lab","ts_ms":1709251199123,"snapshot":"false",' +
  '"db":"shop","sequence":"[\\"23999000\\",\\"24000000\\"]","ts_us":1709251199123456,' +
  '"ts_ns":1709251199123456000,"schema":"public","table":"orders","txId":742,"lsn":24000000,"xmin":null,' +
  '"origin":null,"origin_lsn":null}';
const END = '"ts_ms":1000,"ts_us":1000000,"ts_ns":1000000000}';
const POSITION = { 'cdc.position': STREAM.position };

function encoder(
  config: Partial<EncoderConfig> = {},
  described: TableDescription = table(COLUMNS),
): EventEncoder {
  const created = createEventEncoder({ ...DEFAULTS, ...config });
  created.describe(described);
  return created;
}

describe('without schemas', () => {
  test('an insert is one record', () => {
    expect(encoder().create(1, ['1', null, '3'], STREAM).map(readable)).toEqual([
      {
        topic: 'lab.public.orders',
        key: '{"id":1}',
        value: `{"before":null,"after":{"id":1,"note":null,"version":3},${SOURCE},"transaction":null,"op":"c",${END}`,
        headers: POSITION,
      },
    ]);
  });

  test('NULL in a column that became NOT NULL later is NULL, in an old row too', () => {
    const afterOf = (record: ProducedRecord | undefined, row: 'after' | 'before' = 'after') =>
      JSON.parse(readable(record as ProducedRecord).value ?? '')[row];
    expect(afterOf(encoder().create(1, ['1', null, null], STREAM)[0]).version).toBeNull();
    expect(afterOf(encoder().update(1, null, 'none', ['1', 'a', null], STREAM)[0]).version).toBeNull();
    expect(afterOf(encoder().delete(1, ['1', null, null], 'full', STREAM)[0], 'before').version).toBeNull();
    const withSchema = encoder(WITH_SCHEMAS).create(1, ['1', null, null], STREAM).map(readable);
    expect(withSchema[0]?.value).toContain('{"type":"int64","optional":true,"field":"version"}');
  });

  test('a delete by key has the key in `before`, Debezium’s substitutes in NOT NULL columns, and a tombstone', () => {
    expect(encoder().delete(1, ['1', null, null], 'key', STREAM).map(readable)).toEqual([
      {
        topic: 'lab.public.orders',
        key: '{"id":1}',
        value: `{"before":{"id":1,"note":null,"version":0},"after":null,${SOURCE},"transaction":null,"op":"d",${END}`,
        headers: POSITION,
      },
      { topic: 'lab.public.orders', key: '{"id":1}', value: null, headers: POSITION },
    ]);
  });

  test('tombstones.on.delete=false leaves the tombstone out', () => {
    const records = encoder({ tombstonesOnDelete: false }).delete(1, ['1', null, null], 'key', STREAM);
    expect(records).toHaveLength(1);
  });

  test('a change of key becomes delete, tombstone and create, each with the other key in a header', () => {
    const records = encoder().update(1, ['1', null, null], 'key', ['2', 'a', '3'], STREAM).map(readable);
    expect(records.map(({ key, value }) => [key, value && JSON.parse(value).op])).toEqual([
      ['{"id":1}', 'd'],
      ['{"id":1}', null],
      ['{"id":2}', 'c'],
    ]);
    expect(records.map(({ headers }) => headers)).toEqual([
      { ...POSITION, '__debezium.newkey': '{"id":2}' },
      { ...POSITION, '__debezium.newkey': '{"id":2}' },
      { ...POSITION, '__debezium.oldkey': '{"id":1}' },
    ]);
  });

  test('an update whose old row has the same key has the old row in `before`', () => {
    const [record, ...more] = encoder()
      .update(1, ['1', 'a', '3'], 'full', ['1', 'b', '4'], STREAM)
      .map(readable);
    expect(more).toEqual([]);
    expect(record?.value).toContain(
      '{"before":{"id":1,"note":"a","version":3},"after":{"id":1,"note":"b","version":4},',
    );
  });

  test('a truncate has no key and no rows', () => {
    expect(encoder().truncate(1, STREAM).map(readable)).toEqual([
      {
        topic: 'lab.public.orders',
        key: null,
        value: `{"before":null,"after":null,${SOURCE},"transaction":null,"op":"t",${END}`,
        headers: POSITION,
      },
    ]);
  });

  test('a row of a snapshot says which part of the snapshot it is', () => {
    const context = { ...STREAM, snapshot: 'last', lastCommitLsn: null } as const;
    const record = readable(encoder().read(1, ['1', null, '3'], context));
    const event = JSON.parse(record.value ?? '');
    expect(event).toMatchObject({
      op: 'r',
      source: { snapshot: 'last', sequence: '[null,"24000000"]', lsn: 24_000_000, txId: 742 },
    });
  });

  test('a row of an incremental snapshot has neither LSN nor transaction, as no transaction wrote it', () => {
    const record = encoder().read(1, ['1', null, '3'], { ...STREAM, snapshot: 'incremental', xid: null });
    expect(JSON.parse(String(record.value)).source).toMatchObject({ txId: null, lsn: null });
  });
});

test('with schemas, key and value carry their schema, and a tombstone is still null', () => {
  const [record, tombstone] = encoder(WITH_SCHEMAS).delete(1, ['1', null, null], 'key', STREAM).map(readable);
  expect(record?.key).toBe(
    '{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,' +
      '"name":"lab.public.orders.Key"},"payload":{"id":1}}',
  );
  const value = JSON.parse(record?.value ?? '');
  expect(value.schema).toMatchObject({ name: 'lab.public.orders.Envelope', version: 2, optional: false });
  expect(value.payload.before).toEqual({ id: 1, note: null, version: 0 });
  expect(tombstone?.value).toBeNull();
});

test.each([
  { key: true, value: false },
  { key: false, value: true },
])('key and value carry their schemas independently: %o', (schemasEnable) => {
  const [record] = encoder({ schemasEnable }).delete(1, ['1', null, null], 'key', STREAM).map(readable);
  const hasSchema = (json: string | null | undefined) => 'schema' in JSON.parse(json ?? '{}');
  expect(hasSchema(record?.key)).toBe(schemasEnable.key);
  expect(hasSchema(record?.value)).toBe(schemasEnable.value);
});

test('the fields of a key are in the primary key’s order, those of a row in the table’s', () => {
  const described = table([
    column('a', 'int8', { notNull: true, keyRank: 2 }),
    column('b', 'text', { notNull: true, keyRank: 1 }),
  ]);
  const [record] = encoder({}, described).create(1, ['9223372036854775807', 'x'], STREAM).map(readable);
  expect(record?.key).toBe('{"b":"x","a":9223372036854775807}');
  expect(record?.value).toContain('"after":{"a":9223372036854775807,"b":"x"}');
});

test('without a primary key every key is null', () => {
  const described = table([column('a', 'int4')]);
  const records = encoder({}, described).delete(1, ['1'], 'full', STREAM);
  expect(records.map(({ key, value }) => [key, value === null])).toEqual([
    [null, false],
    [null, true],
  ]);
});

describe('an unchanged TOAST value', () => {
  test('is the placeholder if the old row was not sent', () => {
    const [record] = encoder().update(1, null, 'none', ['1', UNCHANGED_TOAST, '4'], STREAM).map(readable);
    expect(record?.value).toContain('"after":{"id":1,"note":"__debezium_unavailable_value","version":4}');
  });

  test('is taken from the old row under REPLICA IDENTITY FULL, also when the key changes', () => {
    const stays = encoder().update(1, ['1', 'big', '3'], 'full', ['1', UNCHANGED_TOAST, '4'], STREAM);
    expect(String(stays[0]?.value)).toContain('"after":{"id":1,"note":"big","version":4}');
    const moves = encoder().update(1, ['1', 'big', '3'], 'full', ['2', UNCHANGED_TOAST, '4'], STREAM);
    expect(String(moves[2]?.value)).toContain('"after":{"id":2,"note":"big","version":4}');
  });

  test('of a key column is taken from the old key', () => {
    const described = table([column('id', 'text', { notNull: true, keyRank: 1 }), column('n', 'int4')]);
    const records = encoder({}, described).update(1, ['long', null], 'key', [UNCHANGED_TOAST, '1'], STREAM);
    expect(records.map((record) => String(record.key))).toEqual(['{"id":"long"}']);
  });

  test('without a placeholder is an error that names the column', () => {
    const described = table([column('id', 'int4', { notNull: true, keyRank: 1 }), column('n', 'numeric')]);
    expect(() => encoder({}, described).update(1, null, 'none', ['1', UNCHANGED_TOAST], STREAM)).toThrow(
      'PostgreSQL did not send the unchanged TOAST value of column n of public.orders.',
    );
  });
});

describe('REPLICA IDENTITY USING INDEX on another column than the key', () => {
  test('an update whose old key lacks the primary key is not a change of key', () => {
    const records = encoder().update(1, [null, 'a', null], 'key', ['1', 'b', '3'], STREAM);
    expect(records.map((record) => String(record.key))).toEqual(['{"id":1}']);
  });

  test('a delete that lacks the primary key is an error', () => {
    expect(() => encoder().delete(1, [null, 'a', null], 'key', STREAM)).toThrow(
      'A change of public.orders lacks its key column id.',
    );
  });
});

describe('the default in a column’s schema', () => {
  test.each([
    ['int8', { defaultText: '9223372036854775807' }, '9223372036854775807'],
    ['text', { defaultText: "it's" }, '"it\'s"'],
    ['numeric', { defaultText: '12.5', typeModifier: ((12 << 16) | 2) + 4 }, '"BOI="'],
    ['mood', { defaultText: 'sad', enumLabels: ['sad'] }, '"sad"'],
    ['int4', { defaultExpression: "nextval('s'::regclass)" }, '0'],
    ['timestamptz', { defaultExpression: 'now()' }, '"1970-01-01T00:00:00.000000Z"'],
    ['timestamptz', { defaultExpression: 'CURRENT_TIMESTAMP' }, '"1970-01-01T00:00:00.000000Z"'],
    ['int4', { defaultExpression: '(1 + 2)' }, undefined],
    ['int4', { defaultText: 'abc' }, undefined],
    ['int4', { defaultText: '5.7' }, undefined],
    ['float8', { defaultText: 'abc' }, undefined],
    ['numeric', { defaultText: '3.75' }, undefined],
    ['_text', { defaultText: '{}' }, undefined],
    ['bytea', { defaultText: '\\x00' }, undefined],
    ['timestamp', { defaultText: '294276-12-31 00:00:00' }, undefined],
  ] as const)('of %s %j is %s', (type, other, expected) => {
    const described = table([column('id', 'int4', { keyRank: 1 }), column('c', type, other)]);
    const [record] = encoder(WITH_SCHEMAS, described).create(1, ['1', null], STREAM).map(readable);
    const field =
      /\{[^{}]*(?:"parameters":\{[^}]*\}[^{}]*)?"field":"c"\}/.exec(record?.value ?? '')?.[0] ?? '';
    if (expected === undefined) expect(field).not.toContain('"default"');
    else expect(field).toContain(`"default":${expected},`);
  });

  test('does not replace a NULL', () => {
    const described = table([column('c', 'text', { defaultText: 'x' })]);
    expect(String(encoder({}, described).create(1, [null], STREAM)[0]?.value)).toContain(
      '"after":{"c":null}',
    );
  });
});

describe('a label that the enum’s description lacks', () => {
  const mood = { enumLabels: ['sad', 'ok'] };
  const columns = [
    column('id', 'mood', { ...mood, notNull: true, keyRank: 1 }),
    column('list', '_mood', { enumLabels: ['sad', 'ok'] }),
  ];
  const allowedIn = (json: string | null | undefined) =>
    [...(json ?? '').matchAll(/"allowed":"([^"]*)"/g)].map(([, labels]) => labels);

  test('is in the schema of its event, and of the next ones', () => {
    const subject = encoder(WITH_SCHEMAS, table(columns));
    const [first] = subject.create(1, ['glad', '{ok,glad,"very glad",NULL}'], STREAM).map(readable);
    expect(JSON.parse(first?.value ?? '').payload.after).toEqual({
      id: 'glad',
      list: ['ok', 'glad', 'very glad', null],
    });
    expect(allowedIn(first?.value).slice(0, 2)).toEqual(['sad,ok,glad', 'sad,ok,glad,very glad']);
    expect(allowedIn(first?.key)).toEqual(['sad,ok,glad']);
    const [next] = subject.create(1, ['sad', null], STREAM).map(readable);
    expect(allowedIn(next?.key)).toEqual(['sad,ok,glad']);
  });

  test('is in the schema of an old row and of an old key, too', () => {
    const old = encoder(WITH_SCHEMAS, table(columns)).delete(1, ['bad', null], 'full', STREAM).map(readable);
    expect(allowedIn(old[0]?.key)).toEqual(['sad,ok,bad']);
    const [gone, , created] = encoder(WITH_SCHEMAS, table(columns))
      .update(1, ['bad', null], 'key', ['sad', null], STREAM)
      .map(readable);
    expect([gone, created].map((record) => allowedIn(record?.key))).toEqual([['sad,ok,bad'], ['sad,ok,bad']]);
  });
});

test('an array that does not begin at 1 is reported once for its event, with its column', () => {
  const lost: unknown[] = [];
  const described = table([column('id', 'int4', { keyRank: 1 }), column('list', '_int4')]);
  const subject = encoder({ onLoss: (part) => lost.push(part) }, described);
  const [record] = subject.create(1, ['1', '[0:1]={7,8}'], STREAM);
  subject.create(1, ['2', '{7,8}'], STREAM);
  expect(JSON.parse(String(record?.value)).after).toEqual({ id: 1, list: [7, 8] });
  expect(lost).toEqual([
    {
      ...{ schema: 'public', table: 'orders', column: 'list' },
      loss: 'the bounds of an array that does not begin at 1',
    },
  ]);
});

describe('refusals', () => {
  test('an unsupported type is refused by name when the table is described', () => {
    expect(() => encoder({}, table([column('place', 'box')]))).toThrow(
      'Column place of public.orders has type box, which is not supported.',
    );
  });

  test('a value that its Connect type cannot hold is an error that names the column', () => {
    const described = table([column('n', 'numeric')]);
    expect(() => encoder({}, described).create(1, ['NaN'], STREAM)).toThrow(
      /^Column n of public\.orders: .*NaN/,
    );
  });

  test('a row with fewer columns than its description is refused', () => {
    expect(() => encoder().create(1, ['1', 'a'], STREAM)).toThrow('has 2 columns, but its description has 3');
  });

  test('a relation that was not described is an error', () => {
    expect(() => encoder().create(2, ['1'], STREAM)).toThrow('relation 2 was not described');
  });
});

test('a new description takes effect with the next row', () => {
  const subject = encoder();
  subject.describe(table([...COLUMNS, column('tier', 'text')]));
  expect(String(subject.create(1, ['1', null, '3', 'gold'], STREAM)[0]?.value)).toContain('"tier":"gold"');
});

test('events of two transactions do not share a source block', () => {
  const subject = encoder();
  subject.create(1, ['1', null, '3'], STREAM);
  const [record] = subject.create(1, ['1', null, '3'], { ...STREAM, commitTimeUs: -1n });
  expect(JSON.parse(String(record?.value)).source).toMatchObject({ ts_ms: -1, ts_us: -1, ts_ns: -1000 });
});

test.each([
  ['public', 'orders', 'lab.public.orders'],
  ['Odd Schema', 'Ta-ble é', 'lab.Odd_Schema.Ta-ble__'],
  ['s', '😀', 'lab.s.__'],
  ['s', 't'.repeat(300), `lab.s.${'t'.repeat(243)}`],
])('the topic of %s %s has a legal name', (schema, name, topic) => {
  expect(encoder().topicOf(schema, name)).toBe(topic);
});

test('Debezium’s context headers are written if they are enabled', () => {
  const subject = encoder({ contextHeaders: { taskId: '0', runId: 'r' } });
  expect(readable(subject.truncate(1, STREAM)[0] ?? expect.fail()).headers).toEqual({
    ...POSITION,
    '__debezium.context.connectorLogicalName': 'lab',
    '__debezium.context.taskId': '0',
    '__debezium.context.connectorName': 'postgresql',
    '__debezium.context.runId': 'r',
  });
});

test('any text arrives unchanged, as a value and as a column name', () => {
  for (const text of ['"', '\\', '\u0000\u001f\u007f', '\u2028', '😀', 'a","b":"c', '__proto__']) {
    const described = table([column(text, 'text', { notNull: true, keyRank: 1 })]);
    const [record] = encoder(WITH_SCHEMAS, described).create(1, [text], STREAM).map(readable);
    expect(Object.entries(JSON.parse(record?.key ?? '').payload)).toEqual([[text, text]]);
    expect(Object.entries(JSON.parse(record?.value ?? '').payload.after)).toEqual([[text, text]]);
  }
});
