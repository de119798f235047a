import { expect, test } from 'vitest';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { Column } from '../observe/source/catalogue.ts';
import type { RawRecord } from '../observe/topic/topic-reader.ts';
import { RecordBook } from './record-book.ts';

const ID: Column = {
  ...{ name: 'id', type: 'int4', kind: 'b', cast: 'integer', notNull: true, hasDefault: false },
  ...{ keyRank: 1, hashesBytes: true },
};

/** A record of version n, committed at LSN n of the position, whose change has the given LSN. */
function record(version: number, committedAt: bigint, lsn: number): RawRecord {
  const value = { op: 'u', before: null, after: { id: 1, version }, source: { lsn }, ts_ms: 1 };
  return {
    ...{ topic: 't', partition: 0, offset: BigInt(version), timestampMs: 1 },
    key: Buffer.from('{"id":1}'),
    value: Buffer.from(JSON.stringify(value)),
    position: `00000001-${committedAt.toString(16).toUpperCase().padStart(16, '0')}-00000001`,
    header: () => null,
  } as unknown as RawRecord;
}

test('records of commits behind what was read of the source do not count, except for an impossible position', () => {
  const wanted = { columns: [ID], key: { id: '1' }, versionColumn: 'version', values: false, max: 10 };
  const book = new RecordBook({ ...wanted, before: 200n as Lsn, writtenTo: 300n as Lsn });
  book.add(record(1, 100n, 90));
  book.add(record(2, 200n, 190));
  book.add(record(3, 250n, 240));
  // The capture placed it behind the end of the WAL: the change's own LSN counts.
  book.add(record(4, 900n, 150));
  expect(book.records.map(({ version }) => version)).toEqual([1, 4]);
});
