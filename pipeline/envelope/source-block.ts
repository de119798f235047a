import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import { quote } from './json.ts';

/** What `source.version` says. */
const VERSION = '0.1.0';

/** Writes the `source` block. All events of a transaction share most of it, so the last one's fragments are kept. */
export class SourceBlockWriter {
  readonly #start: string;
  readonly #database: string;
  #commitTimeUs: bigint | null = null;
  #lastCommitLsn: bigint | null = null;
  #snapshot = '';
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
    if (
      context.commitTimeUs !== this.#commitTimeUs ||
      context.lastCommitLsn !== this.#lastCommitLsn ||
      context.snapshot !== this.#snapshot
    ) {
      this.#prepare(context);
    }
    const lsn = String(context.lsn);
    // Debezium leaves both out of an incremental snapshot, whose rows no transaction wrote.
    const own =
      context.snapshot === 'incremental'
        ? '"txId":null,"lsn":null'
        : `"txId":${context.xid ?? 'null'},"lsn":${lsn}`;
    return `${this.#head}${lsn}${this.#times}${table},${own},"xmin":null,"origin":null,"origin_lsn":null}`;
  }

  #prepare(context: EventContext): void {
    const { commitTimeUs, lastCommitLsn, snapshot } = context;
    const last = lastCommitLsn === null ? 'null' : `\\"${lastCommitLsn}\\"`;
    this.#head = `${this.#start}${floorDivide(commitTimeUs, 1000n)},"snapshot":"${snapshot}${this.#database}${last},\\"`;
    this.#times = `\\"]","ts_us":${commitTimeUs},"ts_ns":${commitTimeUs * 1000n}`;
    this.#commitTimeUs = commitTimeUs;
    this.#lastCommitLsn = lastCommitLsn;
    this.#snapshot = snapshot;
  }
}

function floorDivide(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by;
}
