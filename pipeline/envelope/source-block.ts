import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import { quote } from './json.ts';

/** Value of `source.version`. */
const VERSION = '0.1.0';

/** The end of the block, after the event's LSN. */
export const SOURCE_END = ',"xmin":null,"origin":null,"origin_lsn":null}';

/**
 * Writes the `source` block. The events of a transaction share most of it, so the fragments of the last event are
 * kept.
 */
export class SourceBlockWriter {
  readonly #start: string;
  readonly #database: string;
  #commitTimeUs: bigint | null = null;
  #lastCommitLsn: bigint | null = null;
  #snapshot = '';
  #xid: EventContext['xid'] = null;
  #version = 0;
  /** From the block's start to the event's LSN in `sequence`. */
  #head = '';
  /** From there to the table's name. */
  #times = '';

  constructor(config: EncoderConfig) {
    this.#start = `{"version":"${VERSION}","connector":"postgresql","name":${quote(config.topicPrefix)},"ts_ms":`;
    this.#database = `","db":${quote(config.database)},"sequence":"[`;
  }

  /** The whole block. @param table `,"schema":…,"table":…`. */
  write(context: EventContext, table: string): string {
    this.prepare(context);
    const lsn = String(context.lsn);
    // Debezium writes neither in an incremental snapshot: no transaction wrote its rows.
    const own =
      context.snapshot === 'incremental'
        ? '"txId":null,"lsn":null'
        : `"txId":${context.xid ?? 'null'},"lsn":${lsn}`;
    return `${this.#head}${lsn}${this.#times}${table},${own}${SOURCE_END}`;
  }

  /**
   * Prepares the fragments for an event.
   * @returns a number that changes whenever the result of {@link around} does.
   */
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
   * The block of the event that {@link prepare} was last called for: `head`, LSN, `middle`, LSN, {@link SOURCE_END}.
   * Not for an incremental snapshot.
   */
  around(table: string): { readonly head: string; readonly middle: string } {
    const middle = `${this.#times}${table},"txId":${this.#xid ?? 'null'},"lsn":`;
    return { head: this.#head, middle };
  }
}

/** The time at which the event was made, in three units: an event ends with it. */
export function timesJson(nowUs: bigint): string {
  const us = String(nowUs);
  return `"ts_ms":${us.slice(0, -3) || '0'},"ts_us":${us},"ts_ns":${us}000`;
}

function floorDivide(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by;
}
