import { expect, test } from 'vitest';
import { insertBytes } from '../../../fixtures/pgoutput-bytes.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { column, DEFAULTS, STREAM, table } from '../../envelope/testing/fixtures.ts';
import { createFastReader } from '../../pgoutput/fast-path.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { Gate } from '../source/gate.ts';
import { publishLoop } from './publish-loop.ts';
import { RecordQueue } from './record-queue.ts';

const readFastChange = createFastReader();

/** A loop over a queue into which rows are encoded, and what it publishes through. */
function started(publish: PublishStage) {
  const encoder = createEventEncoder(DEFAULTS);
  encoder.describe(table([column('id', 'int4', { keyRank: 1, notNull: true }), column('body', 'text')]));
  const queue = new RecordQueue();
  const ended = new AbortController();
  const loop = publishLoop({
    config: { batchRecords: 500, queueRecords: 1e6, queueBytes: 1e9 } as SourceConfig,
    queue,
    publish,
    gate: new Gate(),
    metrics: { count: () => {}, lag: () => {}, latency: () => {} } as never,
    tableOf: () => 't',
    reach: async () => {},
    onAcknowledged: () => {},
    ended: ended.signal,
  });
  const write = (from: number, to: number): void => {
    for (let n = from; n < to; n++) {
      const change = readFastChange(insertBytes(1, [String(n), `row ${n} `.repeat(40)]));
      const record = change && encoder.encodeFast?.(change, STREAM);
      if (record === undefined) throw new Error('the fast path did not take the row');
      queue.addOne(record);
    }
    queue.nudge();
  };
  return { write, loop, end: () => ended.abort() };
}

/** The rows' numbers, each read from the record's bytes now. */
const numbersIn = (records: readonly ProducedRecord[]) =>
  records.map(({ key, value }) => {
    const { id, body } = JSON.parse(String(value)).after;
    return String(key) === `{"id":${id}}` && body === `row ${id} `.repeat(40) ? id : 'torn';
  });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('a batch is sent again with the same bytes, however much is encoded between its attempts', async () => {
  const attempts: unknown[][] = [];
  const published: number[] = [];
  const { write, loop, end } = started({
    async publish(records) {
      // As a producer whose requests time out, or whose leader has moved: three attempts, and writes go on meanwhile.
      for (let attempt = 0; attempt < 3; attempt++) {
        attempts.push(numbersIn(records));
        if (published.length < 5_000) more();
        await new Promise((resolve) => setImmediate(resolve));
      }
      published.push(...numbersIn(records));
      if (published.length === next) end();
    },
  });
  let next = 0;
  const more = (rows = 300): void => {
    write(next, next + rows);
    next += rows;
  };
  more(2_000);
  await loop;
  for (let i = 0; i < attempts.length; i += 3) expect(attempts[i + 2]).toEqual(attempts[i]);
  expect(published).toEqual(range(0, next));
});

test('what a failed batch consists of stays, for it is not known whether Kafka has it', async () => {
  let failed: readonly ProducedRecord[] = [];
  const { write, loop } = started({
    async publish(records) {
      failed = records;
      throw new Error('NOT_LEADER_OR_FOLLOWER');
    },
  });
  write(0, 500);
  await expect(loop).rejects.toThrow('NOT_LEADER');
  write(500, 20_000);
  expect(numbersIn(failed)).toEqual(range(0, 500));
});
