import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EventEncoder } from '../../contract/envelope.ts';
import { OffsetBook } from '../position/offset-book.ts';
import { parseOffset, type SnapshotJob } from '../position/source-offset.ts';
import { Gate } from '../source/gate.ts';
import { RawRows } from './raw-rows.ts';
import { RowRate } from './row-rate.ts';
import type { Chunk, SnapshotReader } from './snapshot-reader.ts';
import { runSnapshot } from './snapshot-run.ts';
import type { SnapshotRunOptions } from './table-run.ts';

const CHUNKS = 3;
const JOB: SnapshotJob = {
  ...{ id: 'initial', kind: 'initial' },
  tables: [{ schema: 'public', table: 'item', done: false, lastKey: null, rows: 0 }],
};

/** A snapshot of {@link CHUNKS} chunks with one row each and a slow offsets topic. It notes events in order. */
function snapshotOf(happened: string[], isArmed: boolean): SnapshotRunOptions {
  const store = async (offset: Readonly<Record<string, unknown>>): Promise<void> => {
    for (let i = 0; i < 10; i++) await turn();
    const [job] = offset.snapshots as readonly SnapshotJob[];
    happened.push(`stored ${job?.tables[0]?.rows ?? 'the end'}`);
  };
  const offset = { lsn: 1, snapshot_completed: false, snapshots: [JOB] };
  const rows = new RawRows();
  rows.add(Buffer.from([68, 0, 0, 0, 6, 0, 0]), 0);
  const record = { topic: 't', key: null, value: null, headers: new Map(), position: '' };
  const chunk = (at: number): Chunk => ({ rows, count: 1, lastKey: [String(at)], more: at < CHUNKS });
  return {
    reader: {
      consistentPoint: 1n,
      takenAtUs: 0n,
      lock: async () => [{ schema: 'public', table: 'item', relationOid: 1, key: ['id'] }],
      hasRows: async () => true,
      describe: () => ({ columns: [] }),
      read: async (_: unknown, __: unknown, { afterKey }: { afterKey: readonly string[] | null }) =>
        chunk(Number(afterKey?.[0] ?? 0) + 1),
    } as unknown as SnapshotReader,
    encoder: { describe: () => undefined, read: () => record } as unknown as EventEncoder,
    publish: { publish: async () => undefined },
    partitionsOf: () => 1,
    events: { topicPrefix: 'p', database: 'd', schemasEnable: { key: false, value: false } },
    book: new OffsetBook({ store }, parseOffset(offset)),
    gate: new Gate(),
    timeline: 1,
    chunkRows: 1,
    rate: new RowRate(0),
    log: { debug: () => undefined, info: () => undefined } as unknown as SnapshotRunOptions['log'],
    metrics: { count: () => undefined } as unknown as SnapshotRunOptions['metrics'],
    crashPoints: {
      reach: () => {
        happened.push('announced');
        return isArmed ? Promise.resolve() : undefined;
      },
      holds: () => isArmed,
    },
    signal: new AbortController().signal,
  };
}

test('an armed crash point in a chunk is announced only after the previous chunk is checkpointed', async () => {
  const happened: string[] = [];
  await runSnapshot(JOB, snapshotOf(happened, true));
  expect(happened).toEqual([
    ...['announced', 'stored 1', 'announced', 'stored 2', 'announced', 'stored 3'],
    'stored the end',
  ]);
});

test('if the crash point is not armed, a chunk does not wait for the previous checkpoint', async () => {
  const happened: string[] = [];
  await runSnapshot(JOB, snapshotOf(happened, false));
  expect(happened.indexOf('announced', 1)).toBeLessThan(happened.indexOf('stored 1'));
});

/** What is published and stored of a snapshot that sweeps: `row`, `sweep PARTITION`, `stored ROWS done`. */
async function sweeping(
  job: SnapshotJob,
  over: { failAtRow?: number; stopAtRow?: number; partitions?: number; point?: bigint } = {},
): Promise<string[]> {
  const happened: string[] = [];
  const stopping = new AbortController();
  const { failAtRow, stopAtRow, partitions = 2, point = 1n } = over;
  const base = snapshotOf([], false);
  const store = async (offset: Readonly<Record<string, unknown>>): Promise<void> => {
    const [stored] = offset.snapshots as readonly SnapshotJob[];
    const [table] = stored?.tables ?? [];
    happened.push(
      stored === undefined ? 'stored the end' : `stored ${table?.rows}${table?.done ? ' done' : ''}`,
    );
  };
  const offset = { lsn: 1, snapshot_completed: false, snapshots: [job] };
  let rows = 0;
  const options: SnapshotRunOptions = {
    ...base,
    reader: Object.assign(Object.create(base.reader), base.reader, { consistentPoint: point }),
    encoder: { ...base.encoder, topicOf: () => 't' } as unknown as EventEncoder,
    book: new OffsetBook({ store }, parseOffset(offset)),
    partitionsOf: () => partitions,
    signal: stopping.signal,
    publish: {
      async publish(records) {
        for (const { partition, headers } of records) {
          if (headers.has('cdc.sweep')) {
            const { before } = JSON.parse(String(headers.get('cdc.sweep'))) as { before: string };
            happened.push(`sweep ${partition} before ${before}`);
            continue;
          }
          rows++;
          if (rows === failAtRow) throw new Error('refused');
          if (rows === stopAtRow) stopping.abort();
          happened.push('row');
        }
      },
    },
  };
  await runSnapshot(job, options).catch((error: Error) => happened.push(error.message));
  return happened;
}

const SWEEPING: SnapshotJob = { ...JOB, sweep: true };
const AT_1 = '00000001-0000000000000001-00000000';

test('a snapshot that sweeps says so to each partition behind its last row, and is done only then', async () => {
  expect((await sweeping(SWEEPING)).filter((event) => !/^stored [12]$/.test(event))).toEqual([
    ...['row', 'row', 'row', 'stored 3'],
    ...[`sweep 0 before ${AT_1}`, `sweep 1 before ${AT_1}`, 'stored 3 done', 'stored the end'],
  ]);
});

test.each([
  ['a record that Kafka refuses', { failAtRow: 3 }],
  ['a stop at its last row', { stopAtRow: 3 }],
])('%s keeps it from sweeping', async (_, over) => {
  const happened = await sweeping(SWEEPING, over);
  expect(happened.filter((event) => /sweep|done|end/.test(event))).toEqual([]);
});

test('one that goes on at a later position sweeps what is older than its first part', async () => {
  const table = { ...JOB.tables[0], lastKey: ['2'], rows: 2, sweepBefore: AT_1 } as SnapshotJob['tables'][0];
  const happened = await sweeping({ ...SWEEPING, tables: [table] }, { point: 9n, partitions: 1 });
  expect(happened).toEqual(['row', 'stored 3', `sweep 0 before ${AT_1}`, 'stored 3 done', 'stored the end']);
});
