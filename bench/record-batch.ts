import { createRecordsBatch } from '@platformatic/kafka';
import { encodeRecordBatch } from '../pipeline/capture/publish/record-batch.ts';
import type { Position } from '../pipeline/contract/position.ts';
import type { ProducedRecord } from '../pipeline/contract/records.ts';
import { type Bench, median } from './lib/bench.ts';

/** About the records of one partition in a 900 kB request for three partitions. */
const RECORDS = 400;
const VALUE_BYTES = 650;
const BATCHES = 200;
const rounds = 5;

const bench: Bench = {
  title:
    'CPU time from records to a record batch: our encoder against the client library; 650-byte values, one header',
  async run() {
    const room = Buffer.allocUnsafe(1_048_576);
    const head = { producerId: 1n, producerEpoch: 0, firstSequence: 0, compression: 'none' } as const;
    const ours = measure(() =>
      encodeRecordBatch(RECORDS_OF_BENCH, { ...head, timestampMs: Date.now() }, room),
    );
    const library = measure(byLibrary);
    const unit = 'µs/record';
    return [
      { what: 'own encoder', value: median(ours), unit, target: null, samples: ours },
      { what: 'client library', value: median(library), unit, target: null, samples: library },
      {
        what: 'times as fast',
        value: median(library) / median(ours),
        unit: '',
        target: { atLeast: 2 },
      },
    ];
  },
};
export default bench;

const RECORDS_OF_BENCH: readonly ProducedRecord[] = Array.from({ length: RECORDS }, (_, i) => ({
  topic: 'lab.public.customers',
  key: Buffer.from(`{"id":"76019d1a-ad2e-4b22-96e9-${String(i).padStart(12, '0')}"}`),
  value: Buffer.alloc(VALUE_BYTES, 'x'),
  headers: new Map([['cdc.position', '00000001-00000000016B3748-0000000C']]),
  position: '00000001-00000000016B3748-0000000C' as Position,
}));

/** What the library's producer does with the same records when `send` is called. */
function byLibrary(): Buffer {
  const messages = RECORDS_OF_BENCH.map(({ topic, key, value, headers }) => ({
    topic,
    partition: 0,
    key: key as Buffer,
    value: value as Buffer,
    headers: new Map([...headers].map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
  }));
  return createRecordsBatch(messages as Parameters<typeof createRecordsBatch>[0], {
    producerId: 1n,
    producerEpoch: 0,
  }).buffer;
}

/** Microseconds of CPU time per record. Unlike wall time it does not count other work on the machine. */
function measure(work: () => unknown): number[] {
  const run = () => {
    const start = process.cpuUsage();
    for (let i = 0; i < BATCHES; i++) work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / BATCHES / RECORDS;
  };
  run();
  return Array.from({ length: rounds }, run);
}
