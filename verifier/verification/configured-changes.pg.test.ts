import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import corruptedRows from '../checks/corrupted-rows.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { fakeCapture } from '../testing/capture.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import type { Content } from './comparison.ts';
import { verify } from './verify.ts';

type Settings = Readonly<Record<string, string>>;
type Fence = NonNullable<VerifierConfigInput['fence']>;

/** A verification of two databases beside a capture with these settings. */
async function verified(
  pair: DatabasePair,
  settings: Settings,
  fence: Fence = 'auto',
  onContent: (content: Content) => Promise<void> = async () => undefined,
): Promise<Report> {
  await using capture = await fakeCapture(settings);
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, fence },
      ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl } },
      connectors: [capture.connector],
    },
    'test',
  );
  return await verify({ config, checks: await loadChecks(), deadlineMs: 10_000, onContent });
}

interface ChangedValue {
  readonly types: readonly [source: string, sink: string];
  readonly settings: Settings;
  readonly setting: string;
  /** The source's value, and what the setting makes of it. */
  readonly value: string;
  readonly made: string;
  /** Another value, which the setting does not make of it. */
  readonly wrong: string;
}

const changed = (
  types: ChangedValue['types'],
  settings: Settings,
  setting: string,
  [value, made, wrong]: readonly [string, string, string],
): ChangedValue => ({ types, settings, setting, value, made, wrong });

const MODE = {
  double: { 'decimal.handling.mode': 'double' },
  connect: { 'time.precision.mode': 'connect' },
  iso: { 'time.precision.mode': 'isostring' },
};

const CHANGES: readonly ChangedValue[] = [
  changed(['interval', 'interval'], {}, 'interval.handling.mode=numeric', ['1 mon', '730:30:00', '30 days']),
  changed(['interval', 'bigint'], {}, 'interval.handling.mode=numeric', [
    ...(['1 year -2 mons 3 days 04:05:06.789', '26571906789000', '26571906789001'] as const),
  ]),
  changed(['numeric', 'numeric'], {}, 'decimal.handling.mode=precise', ['1.500', '1.5', '1.50']),
  changed(['numeric(30,20)', 'numeric(30,20)'], MODE.double, 'decimal.handling.mode=double', [
    ...(['0.12345678901234567891', '0.12345678901234568', '0.12345678901234567'] as const),
  ]),
  changed(['numeric(30,20)', 'double precision'], MODE.double, 'decimal.handling.mode=double', [
    ...(['0.12345678901234567891', '0.12345678901234568', '0.123456789012345'] as const),
  ]),
  changed(['timetz', 'timetz'], {}, "Debezium's form of timetz", [
    ...(['01:00:00+02', '23:00:00+00', '01:00:00+00'] as const),
  ]),
  changed(['varbit', 'varbit'], {}, "Debezium's form of varbit", ['00101', '101', '0101']),
  changed(['varbit(8)', 'varbit(8)'], {}, "Debezium's form of varbit", ['101', '00000101', '00101']),
  changed(['int[]', 'int[]'], {}, "Debezium's form of arrays", ['[0:1]={1,2}', '{1,2}', '{2,1}']),
  changed(['numeric[]', 'numeric[]'], {}, 'decimal.handling.mode=precise', [
    '{1.50,NULL}',
    '{1.5,NULL}',
    '{1.5}',
  ]),
  changed(['timestamp', 'timestamp'], MODE.connect, 'time.precision.mode=connect', [
    ...(['1960-01-02 03:04:05.678901', '1960-01-02 03:04:05.678', '1960-01-02 03:04:05.679'] as const),
  ]),
  changed(['time', 'time'], MODE.connect, 'time.precision.mode=connect', [
    ...(['03:04:05.100901', '03:04:05.1', '03:04:05.101'] as const),
  ]),
  changed(['time', 'time'], MODE.iso, 'time.precision.mode=isostring', ['24:00', '00:00', '00:00:01']),
];

const named = CHANGES.map((one) => [`${one.types.join(' in ')} under ${one.setting}`, one] as const);

async function filled({ types, value, made }: ChangedValue): Promise<DatabasePair> {
  const pair = await databasePair();
  const create = (type: string) => `CREATE TABLE items (id int PRIMARY KEY, v ${type}, n int)`;
  await pair.onSource(`${create(types[0])}; INSERT INTO items VALUES (1, '${value}', 5), (2, NULL, 5)`);
  await pair.onSink(`${create(types[1])}; INSERT INTO items VALUES (1, '${made}', 5), (2, NULL, 5)`);
  return pair;
}

test.each(named)('%s is as configured: a WARN of its own class', async (_, one) => {
  await using pair = await filled(one);
  const report = await verified(pair, one.settings);
  const own = report.findings.filter(({ check }) => check === 'corrupted-rows');
  expect(own).toEqual([
    expect.objectContaining({
      ...{ class: 'as-configured', verdict: 'WARN', table: 'public.items', count: 1, hop: 'capture' },
      first: { key: { id: '1' }, columns: ['v'] },
      detail: expect.stringContaining(`as configured: column v of public.items, ${one.setting}: `),
    }),
  ]);
  expect(report).toMatchObject({ verdict: 'WARN', tables: [{ corrupted: 0, verdict: 'WARN' }] });
});

test.each(named)('%s: any other value, and any other column, is corrupted', async (_, one) => {
  await using pair = await filled(one);
  await pair.onSink(`UPDATE items SET v = '${one.wrong}' WHERE id = 1`);
  const wrong = await verified(pair, one.settings);
  expect(wrong).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
  expect(wrong.findings.find((found) => found.class === 'corrupted')?.first?.columns).toEqual(['v']);
  await pair.onSink(`UPDATE items SET v = '${one.made}', n = 6 WHERE id = 1`);
  const other = await verified(pair, one.settings);
  expect(other).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
  expect(other.findings.find((found) => found.class === 'corrupted')?.first?.columns).toEqual(['n']);
});

test('wrong rows stay wrong where the values that a setting changes cannot be counted', async () => {
  await using pair = await filled(CHANGES[0] as ChangedValue);
  await pair.onSink(`UPDATE items SET n = 6 WHERE id = 1`);
  const { promise, resolve } = Promise.withResolvers<Content>();
  await verified(pair, {}, 'auto', async (content) => resolve(content));
  const judgedWith = async (source: () => Promise<typeof pair.source>, compareTimeoutMs = 60_000) => {
    const evidence = { content: () => promise };
    const context = contextOf({ config: { compareTimeoutMs }, databases: { source }, evidence });
    const { verdict, findings } = await corruptedRows.run(context);
    return [verdict, ...findings.map((found) => [found.class, found.verdict])];
  };
  const uncounted = ['FAIL', ['corrupted', 'FAIL'], ['evidence-missing', 'INCONCLUSIVE']];
  expect(await judgedWith(() => Promise.reject(new Error('no answer')))).toEqual(uncounted);
  expect(await judgedWith(async () => pair.source, 1)).toEqual(uncounted);
  expect(await judgedWith(async () => pair.source)).toEqual([
    ...['FAIL', ['corrupted', 'FAIL'], ['as-configured', 'WARN']],
  ]);
});

test('the setting is what the connector says: with one that keeps the value, the same rows are corrupted', async () => {
  const interval = CHANGES[0] as ChangedValue;
  await using pair = await filled(interval);
  const kept = await verified(pair, { 'interval.handling.mode': 'string' });
  expect(kept).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
});

test('a row that has the value as it was is right beside one that has it as configured', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, v interval)');
  await pair.onSource(`INSERT INTO items VALUES (1, '1 mon'), (2, '1 mon'), (3, '2 mons')`);
  await pair.onSink(`INSERT INTO items VALUES (1, '1 mon'), (2, '730:30:00'), (3, '1 mon')`);
  for (const fence of ['auto', 'slot', 'settle', 'none'] as const) {
    const report = await verified(pair, {}, fence);
    expect([fence, report]).toMatchObject([
      fence,
      { verdict: 'FAIL', tables: [{ corrupted: 1, missing: 0, extra: 0 }] },
    ]);
    const corrupted = report.findings.find((found) => found.class === 'corrupted');
    expect(corrupted?.first?.key).toEqual({ id: '3' });
  }
});

test('a number with zeros at its end is the same key without them', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id numeric PRIMARY KEY, n int)');
  await pair.onSource('INSERT INTO items VALUES (1.500, 1), (2.0, 2), (3, 3)');
  await pair.onSink('INSERT INTO items VALUES (1.5, 1), (2, 2), (3, 3)');
  for (const fence of ['auto', 'slot', 'none'] as const) {
    const right = await verified(pair, {}, fence);
    expect(right).toMatchObject({ verdict: 'WARN', tables: [{ missing: 0, extra: 0, corrupted: 0 }] });
    expect(right.findings).toMatchObject([{ class: 'as-configured', count: 2, first: { columns: ['id'] } }]);
  }
  await pair.onSink('UPDATE items SET n = 9 WHERE id = 1.5; UPDATE items SET id = 2.01 WHERE id = 2');
  expect(await verified(pair, {})).toMatchObject({
    verdict: 'FAIL',
    tables: [{ missing: 1, extra: 1, corrupted: 1 }],
  });
});

test.each([
  ['hex', 'ff00'],
  ['base64', '/wA='],
  ['base64-url-safe', '_wA='],
])(
  'a copy that holds bytes as %s text is equal under that setting, and under no other',
  async (mode, made) => {
    await using pair = await filled({
      ...(CHANGES[0] as ChangedValue),
      types: ['bytea', 'text'],
      value: '\\xff00',
      made,
    });
    const settings = { 'binary.handling.mode': mode };
    expect(await verified(pair, settings)).toMatchObject({ verdict: 'PASS', findings: [] });
    expect(await verified(pair, {})).toMatchObject({ verdict: 'FAIL' });
    await pair.onSink(`UPDATE items SET v = 'ff01' WHERE id = 1`);
    expect(await verified(pair, settings)).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
  },
);
