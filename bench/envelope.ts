import { beginBytes, updateBytes } from '../fixtures/pgoutput-bytes.ts';
import type { EncoderConfig, EventContext } from '../pipeline/contract/envelope.ts';
import type { Lsn } from '../pipeline/contract/lsn.ts';
import type { Position } from '../pipeline/contract/position.ts';
import type { ColumnDescription } from '../pipeline/contract/table.ts';
import { createEventEncoder } from '../pipeline/envelope/encoder.ts';
import { DEFAULTS } from '../pipeline/envelope/testing/fixtures.ts';
import { createPgOutputDecoder } from '../pipeline/pgoutput/decode.ts';
import { type Bench, median } from './lib/bench.ts';

const decodePgOutput = createPgOutputDecoder();

const rounds = 5;
const roundMs = 2_000;

const bench: Bench = {
  title:
    'update events from pgoutput message to Kafka record on one core, slow path, against a bound: 7 columns, JSON',
  async run() {
    const plain = Array.from({ length: rounds }, () => benchEnvelope(roundMs, false).eventsPerSecond);
    const schemas = Array.from({ length: rounds }, () => benchEnvelope(roundMs, true).eventsPerSecond);
    const unit = 'events/s';
    return [
      // Enough that slot to Kafka can be twice Debezium's 55,000 events/s, with the socket on the same core.
      { what: 'without schemas', value: median(plain), unit, target: { atLeast: 110_000 }, samples: plain },
      { what: 'with schemas', value: median(schemas), unit, target: null, samples: schemas },
    ];
  },
};
export default bench;

/** What {@link benchEnvelope} measures on one core. */
export interface EnvelopeFigures {
  readonly eventsPerSecond: number;
  readonly bytesPerEvent: number;
  readonly schemasEnable: boolean;
}

const RELATION = 16_384;

/** Seven columns of the types of an order, as in the peers' benchmark. */
const COLUMNS: readonly ColumnDescription[] = [
  column('id', 'uuid', { keyRank: 1 }),
  column('customer_id', 'uuid'),
  column('status', 'text'),
  column('amount', 'numeric', { typeModifier: ((12 << 16) | 2) + 4 }),
  column('version', 'int8'),
  column('created_at', 'timestamptz'),
  column('updated_at', 'timestamptz'),
];

function column(name: string, typeName: string, other: Partial<ColumnDescription> = {}): ColumnDescription {
  return {
    name,
    typeName,
    typeOid: 0,
    typeModifier: -1,
    typeKind: 'b',
    elementType: null,
    enumLabels: null,
    notNull: true,
    defaultText: null,
    keyRank: 0,
    ...other,
  };
}

/** Decodes and encodes update events for `durationMs`, after a warm-up of a quarter of that time. */
export function benchEnvelope(durationMs: number, schemasEnable: boolean): EnvelopeFigures {
  const config: EncoderConfig = {
    ...DEFAULTS,
    schemasEnable: { key: schemasEnable, value: schemasEnable },
    nowUs: () => BigInt(Date.now()) * 1000n,
  };
  const encoder = createEventEncoder(config);
  encoder.describe({
    relationOid: RELATION,
    schema: 'public',
    table: 'orders',
    replicaIdentity: 'default',
    columns: COLUMNS,
  });
  const messages = updates(1_000);
  run(durationMs / 4);
  return run(durationMs);

  function run(forMs: number): EnvelopeFigures {
    let events = 0;
    let bytes = 0;
    let lsn = 0x16b_3748n;
    const start = performance.now();
    while (performance.now() - start < forMs) {
      const begin = decodePgOutput(beginBytes(lsn, BigInt(Date.now()) * 1000n, events % 2 ** 31));
      if (begin.tag !== 'begin') throw new Error('a Begin was expected');
      for (const message of messages) {
        const update = decodePgOutput(message);
        if (update.tag !== 'update') throw new Error('an Update was expected');
        lsn += 120n;
        const context: EventContext = {
          position: '00000001-00000000016B3748-0000000C' as Position,
          lsn: lsn as Lsn,
          lastCommitLsn: begin.finalLsn,
          xid: begin.xid,
          commitTimeUs: begin.commitTimeUs,
          snapshot: 'false',
        };
        const { relationOid, before, beforeKind, after } = update;
        for (const record of encoder.update(relationOid, before, beforeKind, after, context)) {
          bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
          events += 1;
        }
      }
    }
    const seconds = (performance.now() - start) / 1000;
    return {
      eventsPerSecond: Math.round(events / seconds),
      bytesPerEvent: Math.round(bytes / events),
      schemasEnable,
    };
  }
}

function updates(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const hex = i.toString(16).padStart(12, '0');
    return updateBytes(RELATION, [
      `76019d1a-ad2e-4b22-96e9-${hex}`,
      `0b7e4c3d-11d2-4b22-96e9-${hex}`,
      'shipped',
      `${i}.50`,
      String(i),
      '2024-02-29 23:59:59.123456+00',
      `2024-03-01 00:00:00.${String(i).padStart(6, '0')}+00`,
    ]);
  });
}
