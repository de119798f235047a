import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import { quote } from './json.ts';

/** What `source.version` says. */
const VERSION = '0.1.0';

/** What follows the event's LSN. */
export const SOURCE_END = ',"xmin":null,"origin":null,"origin_lsn":null}';

/** Writes the `source` block. All events of a transaction share most of it, so the last one's fragments are kept. */
export class SourceBlockWriter {
  readonly #start: string;
  readonly #database: string;
  #commitTimeUs: bigint | null = null;
  #lastCommitLsn: bigint | null = null;
  #snapshot = '';
  #xid: EventContext['xid'] = null;
  #version = 0;
  /** Up to the event's own LSN in `sequence`. */
  #head = '';
  /** From there to the table. */
  #times = '';

  constructor(config: EncoderConfig) {
    this.#start = `{"version":"${VERSION}","connector":"postgresql","name":${quote(config.topicPrefix)},"ts_ms":`;
    this.#database = `","db":${quote(config.database)},"sequence":"[`;
  }

  /** `table` is `,"schema":…,"table":…`. */
  write(context: EventContext, table: string): string {
    this.prepare(context);
    const lsn = String(context.lsn);
    // Debezium leaves both out of an incremental snapshot, whose rows no transaction wrote.
    const own =
      context.snapshot === 'incremental'
        ? '"txId":null,"lsn":null'
        : `"txId":${context.xid ?? 'null'},"lsn":${lsn}`;
    return `${this.#head}${lsn}${this.#times}${table},${own}${SOURCE_END}`;
  }

  /** Makes ready for an event; returns a number that is another one whenever {@link around} would be. */
  prepare(context: EventContext): number {
    const { commitTimeUs, lastCommitLsn, snapshot, xid } = context;
    if (
      commitTimeUs === this.#commitTimeUs &&
      lastCommitLsn === this.#lastCommitLsn &&
      snapshot === this.#snapshot &&
      xid === this.#xid
    ) {
      return this.#version;
    }
    const last = lastCommitLsn === null ? 'null' : `\\"${lastCommitLsn}\\"`;
    this.#head = `${this.#start}${floorDivide(commitTimeUs, 1000n)},"snapshot":"${snapshot}${this.#database}${last},\\"`;
    this.#times = `\\"]","ts_us":${commitTimeUs},"ts_ns":${commitTimeUs * 1000n}`;
    this.#commitTimeUs = commitTimeUs;
    this.#lastCommitLsn = lastCommitLsn;
    this.#snapshot = snapshot;
    this.#xid = xid;
    this.#version += 1;
    return this.#version;
  }

  /**
   * The block of the event that {@link prepare} was last called for, without its LSN, which stands at the end of both
   * parts; {@link SOURCE_END} follows. Not for an incremental snapshot.
   */
  around(table: string): { readonly head: string; readonly middle: string } {
    const middle = `${this.#times}${table},"txId":${this.#xid ?? 'null'},"lsn":`;
    return { head: this.#head, middle };
  }
}

/** When the event was made, three times, as it ends with. */
export function timesJson(nowUs: bigint): string {
  const us = String(nowUs);
  return `"ts_ms":${us.slice(0, -3) || '0'},"ts_us":${us},"ts_ns":${us}000`;
}

function floorDivide(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by;
}
