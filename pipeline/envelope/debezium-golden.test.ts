import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import type { Lsn, Xid } from '../contract/lsn.ts';
import type { Position } from '../contract/position.ts';
import { isFastRecord, type ProducedRecord } from '../contract/records.ts';
import type { TableDescription } from '../contract/table.ts';
import { createPgOutputDecoder } from '../pgoutput/decode.ts';
import { createFastReader } from '../pgoutput/fast-path.ts';
import { createEventEncoder } from './encoder.ts';
import { DEFAULTS, readable, WITH_SCHEMAS } from './testing/fixtures.ts';

const decodePgOutput = createPgOutputDecoder();
const readFastChange = createFastReader();

interface GoldenEvent {
  readonly topic: string;
  /** Key and value are payloads as Debezium's converter wrote them, byte for byte. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Golden {
  readonly lastCommitLsn: string;
  readonly tables: readonly TableDescription[];
  readonly messages: readonly { readonly lsn: string; readonly message: string }[];
  readonly variants: Readonly<
    Record<
      string,
      {
        readonly settings: Partial<EncoderConfig>;
        readonly schemas?: Readonly<Record<string, { readonly key?: string; readonly value: string }>>;
        readonly events: readonly GoldenEvent[];
      }
    >
  >;
}

const golden: Golden = JSON.parse(readFileSync(new URL('debezium-golden.json', import.meta.url), 'utf8'));

describe.each(Object.entries(golden.variants))(
  'from the same WAL as Debezium 3.6, variant %s:',
  (_name, variant) => {
    const byTopic = Map.groupBy(encodeAll(variant.settings), (record) => record.topic);

    test.each([...Map.groupBy(variant.events, (event) => event.topic)])(
      'the records of %s are those of Debezium',
      (topic, events) => {
        const schemas = variant.schemas?.[topic];
        const wrap = (payload: string | null, schema: string | undefined): string | null =>
          payload === null || schema === undefined ? payload : `{"schema":${schema},"payload":${payload}}`;
        const theirs = events.map((event) => ({
          key: wrap(event.key, schemas?.key),
          value: wrap(event.value, schemas?.value),
          headers: event.headers ?? {},
        }));
        expect((byTopic.get(topic) ?? []).map(comparable)).toEqual(theirs);
      },
    );
  },
);

test('the fast path makes the same records', () => {
  let fast = 0;
  for (const { settings } of Object.values(golden.variants)) {
    const records = encodeAll(settings, true);
    fast += records.filter(isFastRecord).length;
    expect(records.map(readable)).toEqual(encodeAll(settings).map(readable));
  }
  expect(fast).toBeGreaterThan(100);
});

/** The record without the intended differences: the version, and the header with the position. */
function comparable(record: ProducedRecord): Omit<GoldenEvent, 'topic'> {
  const headers = Object.fromEntries([...record.headers].map(([name, value]) => [name, String(value)]));
  expect(headers['cdc.position']).toBe(record.position);
  delete headers['cdc.position'];
  return {
    key: record.key?.toString() ?? null,
    value:
      record.value
        ?.toString()
        .replace(/"version":"[\d.]+","connector"/, '"version":"3.6.0.Final","connector"') ?? null,
    headers,
  };
}

function encodeAll(settings: Partial<EncoderConfig>, fastPath = false): ProducedRecord[] {
  const encoder = createEventEncoder({
    ...DEFAULTS,
    topicPrefix: 'dbz',
    database: 'golden',
    ...WITH_SCHEMAS,
    ...settings,
  });
  for (const table of golden.tables) encoder.describe(table);
  const records: ProducedRecord[] = [];
  let last = BigInt(golden.lastCommitLsn) as Lsn;
  let transaction = { xid: 0 as Xid, commitTimeUs: 0n };
  for (const [index, { lsn, message }] of golden.messages.entries()) {
    const bytes = Buffer.from(message, 'base64');
    const decoded = decodePgOutput(bytes);
    const context: EventContext = {
      position: `position ${index}` as Position,
      lsn: parseLsn(lsn),
      lastCommitLsn: last,
      snapshot: 'false',
      ...transaction,
    };
    const change = fastPath ? readFastChange(bytes) : undefined;
    const record = change && encoder.encodeFast?.(change, context);
    if (record !== undefined) {
      records.push(record);
      continue;
    }
    switch (decoded.tag) {
      case 'begin':
        transaction = decoded;
        break;
      case 'commit':
        last = decoded.endLsn;
        break;
      case 'insert':
        records.push(...encoder.create(decoded.relationOid, decoded.after, context));
        break;
      case 'update': {
        const { relationOid, before, beforeKind, after } = decoded;
        records.push(...encoder.update(relationOid, before, beforeKind, after, context));
        break;
      }
      case 'delete':
        records.push(...encoder.delete(decoded.relationOid, decoded.before, decoded.beforeKind, context));
        break;
      case 'truncate':
        for (const oid of decoded.relationOids) records.push(...encoder.truncate(oid, context));
        break;
    }
  }
  return records;
}

function parseLsn(text: string): Lsn {
  const [high = '', low = ''] = text.split('/');
  return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Lsn;
}
