import { NEW_KEY_HEADER, OLD_KEY_HEADER, type Operation } from '../../pipeline/contract/envelope.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { printLsn, readLsn } from '../connection/lsn.ts';
import type { Column } from '../observe/source/catalogue.ts';
import { asPostgresText, readEvent, readKey, sameKeyText } from '../observe/topic/envelope.ts';
import { committedAt } from '../observe/topic/topic-history.ts';
import type { RawRecord } from '../observe/topic/topic-reader.ts';
import type { LifeRecord } from './row-life.ts';

export interface Wanted {
  /** The primary key's columns, and the text of each as PostgreSQL prints it. */
  readonly columns: readonly Column[];
  readonly key: Readonly<Record<string, string>>;
  readonly versionColumn: string;
  /** Keep the values of `after`. */
  readonly values: boolean;
  /** The number of records to keep: the last ones. */
  readonly max: number;
  /** Records that were committed at this position or later do not count. */
  readonly before: Lsn;
  /** The end of the source's WAL: a position behind it is impossible. */
  readonly writtenTo: Lsn;
}

const TRUNCATES_KEPT = 10;

/** Keeps the records of one key, of all records of a topic, and the TRUNCATEs of the table. */
export class RecordBook {
  readonly records: LifeRecord[] = [];
  readonly truncates: LifeRecord[] = [];
  leftOut = 0;
  /** A key had a column of a type that this reader does not know. */
  isBlind = false;
  readonly #wanted: Wanted;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** Parses the values of the wanted key only: a topic may hold millions of other records. */
  add(record: RawRecord): void {
    if (record.key !== null && !this.#isWanted(record.key)) return;
    const read = lifeRecordOf(record, this.#wanted);
    if (read === undefined || this.#isLater(record, read)) return;
    if (record.key === null) {
      if (read.op === 't') keep(this.truncates, read, TRUNCATES_KEPT);
    } else this.leftOut += keep(this.records, read, this.#wanted.max);
  }

  /** An event without position has the LSN of the change, which is before that of the commit. */
  #isLater({ position }: RawRecord, { lsn }: LifeRecord): boolean {
    const { before, writtenTo } = this.#wanted;
    const committed = committedAt(position, writtenTo) ?? (lsn === null ? null : readLsn(lsn));
    return committed !== null && committed >= before;
  }

  #isWanted(key: Buffer): boolean {
    const fields = readKey(key);
    if (fields === undefined) return false;
    return this.#wanted.columns.every((column) => {
      const text = asPostgresText(fields[column.name], column);
      if (text === undefined && column.name in fields) this.isBlind = true;
      return sameKeyText(text, column.type) === sameKeyText(this.#wanted.key[column.name], column.type);
    });
  }
}

function keep(list: LifeRecord[], record: LifeRecord, max: number): number {
  list.push(record);
  if (list.length <= max) return 0;
  list.shift();
  return 1;
}

/** Undefined for a value that is not a change event. */
export function lifeRecordOf(
  record: RawRecord,
  { versionColumn, values }: Pick<Wanted, 'versionColumn' | 'values'>,
): LifeRecord | undefined {
  const event = record.value === null ? null : readEvent(record.value);
  if (event === undefined) return undefined;
  const source = record.value === null ? {} : sourceOf(record.value);
  const lsn = numberOf(source.lsn);
  const version = Number(event?.after?.[versionColumn] ?? Number.NaN);
  const { topic, partition, offset, position, timestampMs } = record;
  const standIn = lsn === null || event === null ? null : `${lsn.toString(16).padStart(16, '0')}/${event.op}`;
  return {
    topic,
    partition,
    offset,
    op: (event?.op ?? null) as Operation | null,
    position: position ?? standIn,
    isPlaced: position !== null,
    lsn: lsn === null ? null : printLsn(BigInt(lsn) as Lsn),
    xid: numberOf(source.txId),
    committedAt: isoOf(numberOf(source.ts_ms)),
    capturedAt: isoOf(numberOf(source.eventMs) ?? timestampMs) ?? '',
    snapshot: [undefined, null, 'false', false].includes(source.snapshot as string)
      ? null
      : String(source.snapshot),
    version: Number.isSafeInteger(version) ? version : null,
    oldKey: record.header(OLD_KEY_HEADER),
    newKey: record.header(NEW_KEY_HEADER),
    deadLetter: false,
    ...(values ? { values: event?.after ?? null } : {}),
  };
}

/** The event's `source` block, together with the event's `ts_ms`. */
function sourceOf(value: Buffer): Record<string, unknown> {
  const json = JSON.parse(value.toString('utf8')) as Record<string, unknown>;
  const body = ('schema' in json ? json.payload : json) as {
    source?: Record<string, unknown>;
    ts_ms?: unknown;
  };
  return { ...body.source, eventMs: body.ts_ms };
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

function isoOf(ms: number | null): string | null {
  return ms === null || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}
