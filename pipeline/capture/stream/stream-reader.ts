import type { EventContext, EventEncoder } from '../../contract/envelope.ts';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { Lsn, Xid } from '../../contract/lsn.ts';
import {
  type BeginMessage,
  type CommitMessage,
  type DecodePgOutput,
  type DeleteMessage,
  type FastChange,
  type InsertMessage,
  type PgOutputMessage,
  type ReadFastChange,
  type RelationMessage,
  type TruncateMessage,
  type TypeMessage,
  UNCHANGED_TOAST,
  type UpdateMessage,
} from '../../contract/pgoutput.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import type { TableDescription } from '../../contract/table.ts';
import { unreachable } from '../../contract/unreachable.ts';
import type { TableFilter } from '../config/table-filter.ts';
import type { SignalRow } from '../position/commit-mark.ts';
import { formatLsn, positionWriter } from '../source/lsn-text.ts';
import { isSkippedHalf, keyChanges, refuseLostToast } from './key-change.ts';
import type { RecordQueue } from './record-queue.ts';
import { type Relation, Relations } from './relations.ts';
import type { TransactionMetadata } from './side-records.ts';

type ChangeMessage = InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage;

interface OpenTransaction {
  readonly begin: BeginMessage;
  readonly positionOf: (ordinal: number) => Position;
  /** Number of changes so far. */
  ordinal: number;
  table: string | null;
  readonly signals: SignalRow[];
  readonly metadata: TransactionMetadata | undefined;
}

export interface StreamReaderOptions {
  readonly decode: DecodePgOutput;
  /** The fast path, which takes most changes; without it all of them are decoded. */
  readonly readFast?: ReadFastChange | undefined;
  readonly encoder: EventEncoder;
  /** Set if `provide.transaction.metadata` is on. */
  readonly metadataOf?: ((begin: BeginMessage) => TransactionMetadata) | undefined;
  readonly queue: RecordQueue;
  readonly timeline: number;
  readonly captured: TableFilter;
  /** `schema.table`, or undefined. */
  readonly signalTable: string | undefined;
  readonly skippedOperations: ReadonlySet<string>;
  readonly lastCommitLsn: Lsn | null;
  /** Position of the snapshot that reads this table (`schema.table`) completely, if one does. */
  readonly readWholeAt: (name: string) => Lsn | undefined;
}

/**
 * Turns messages of pgoutput into records and commits in the queue. It does no I/O.
 *
 * A change's ordinal counts the changes of its transaction. Relation messages do not count: when they are sent depends
 * on the session, and a change must have the same position whenever it is resent.
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #relations: Relations;
  readonly #positions: ReturnType<typeof positionWriter>;
  #transaction: OpenTransaction | undefined;
  #lastCommitLsn: Lsn | null;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#relations = new Relations(options.captured, options.signalTable);
    this.#positions = positionWriter(options.timeline);
    this.#lastCommitLsn = options.lastCommitLsn;
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Commit time of the transaction that is being read, in microseconds since the epoch. */
  get openCommitTimeUs(): bigint | undefined {
    return this.#transaction?.begin.commitTimeUs;
  }

  /**
   * Takes one message, `bytes[from … to)`. Returns the Relation message of a captured table: look it up in the
   * catalogue and pass the result to {@link describe} before the next message.
   * @throws LabError naming the LSN if a message cannot be decoded or a row cannot be encoded.
   */
  read(start: Lsn, bytes: Buffer, from = 0, to = bytes.length): RelationMessage | undefined {
    const raw = this.#transaction?.metadata ? undefined : this.#options.readFast?.(bytes, from, to);
    if (raw !== undefined && this.#takeFast(start, raw)) return undefined;
    const message = this.#decode(start, bytes.subarray(from, to));
    switch (message.tag) {
      case 'begin':
        this.#begin(start, message);
        return undefined;
      case 'commit':
        this.#commit(start, message);
        return undefined;
      case 'relation':
        return this.#relations.add(message).use === 'capture' ? message : undefined;
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#change(start, message);
        return undefined;
      case 'type':
        this.#relations.addType(message);
        return undefined;
      case 'origin':
      case 'message':
        return undefined;
      default:
        return unreachable(message, 'message');
    }
  }

  /** Takes what the catalogue says about the relation that {@link read} returned. */
  describe(table: TableDescription): void {
    this.#relations.describe(table, this.#options.encoder);
  }

  /** What the stream said of a type that is not built in: its name, or that of a domain's base type. */
  typeOf(oid: number): TypeMessage | undefined {
    return this.#relations.typeOf(oid);
  }

  /** `schema.table` of a topic that a record of the stream went to. */
  tableOf(topic: string): string {
    return this.#relations.nameOf(topic);
  }

  #decode(start: Lsn, payload: Buffer): PgOutputMessage {
    try {
      return this.#options.decode(payload);
    } catch (cause) {
      throw new LabError(
        'CDC-1030',
        `A message at ${formatLsn(start)} cannot be decoded: ${messageOf(cause)}`,
        {
          cause,
          remedy:
            'Nothing after it was published, and the slot keeps the WAL. Report it with the version of the server.',
        },
      );
    }
  }

  #begin(start: Lsn, begin: BeginMessage): void {
    const { metadataOf, queue } = this.#options;
    const metadata = metadataOf?.(begin);
    if (metadata) queue.addOne(metadata.begin(start));
    this.#transaction = {
      metadata,
      begin,
      positionOf: this.#positions(begin.finalLsn),
      ordinal: 0,
      table: null,
      signals: [],
    };
  }

  #commit(start: Lsn, commit: CommitMessage): void {
    const { begin, table, signals, metadata } = this.#open(commit.commitLsn);
    if (metadata) this.#options.queue.addOne(metadata.end(start));
    this.#transaction = undefined;
    this.#lastCommitLsn = commit.endLsn;
    this.#options.queue.commit({
      endLsn: commit.endLsn,
      xid: begin.xid,
      commitTimeUs: commit.commitTimeUs,
      table,
      signals,
    });
  }

  #change(start: Lsn, message: ChangeMessage): void {
    const transaction = this.#open(start);
    transaction.ordinal++;
    const oids = message.tag === 'truncate' ? message.relationOids : [message.relationOid];
    for (const oid of oids) {
      const relation = this.#relations.of(oid, start);
      if (relation.use === 'signal') collectSignal(transaction, relation, message);
      if (relation.use === 'capture') this.#encode(start, transaction, relation, oid, message);
    }
  }

  /** The fast path. Returns false, and has done nothing, if the change has to be decoded. */
  #takeFast(start: Lsn, change: FastChange): boolean {
    const relation = this.#relations.find(change.relationOid);
    const transaction = this.#transaction;
    if (transaction === undefined || relation === undefined || relation.use === 'signal') return false;
    const { encoder, skippedOperations, queue } = this.#options;
    if (relation.use === 'capture' && !skippedOperations.has(change.tag === 'insert' ? 'c' : 'u')) {
      const record = encoder.encodeFast?.(change, this.#context(start, transaction, transaction.ordinal + 1));
      if (record === undefined) return false;
      transaction.table = relation.name;
      queue.addOne(record);
    }
    transaction.ordinal++;
    return true;
  }

  #context(start: Lsn, { begin, positionOf }: OpenTransaction, ordinal: number): EventContext {
    return {
      position: positionOf(ordinal),
      lsn: start,
      lastCommitLsn: this.#lastCommitLsn,
      xid: begin.xid as Xid,
      commitTimeUs: begin.commitTimeUs,
      snapshot: 'false',
    };
  }

  #encode(
    start: Lsn,
    transaction: OpenTransaction,
    relation: Relation,
    oid: number,
    message: ChangeMessage,
  ): void {
    const { metadata } = transaction;
    const context: EventContext = {
      ...this.#context(start, transaction, transaction.ordinal),
      ...(metadata ? { nextInTransaction: () => metadata.next(relation.name, start) } : {}),
    };
    let records: readonly ProducedRecord[] | undefined;
    try {
      records = this.#recordsOf(transaction.begin, relation, oid, message, context);
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      throw new LabError(
        'CDC-1031',
        `A change of ${relation.name} at ${formatLsn(start)} cannot be encoded as an event: ${messageOf(cause)}`,
        { cause, remedy: `Report the value and its type, or ${LEAVE_OUT}.` },
      );
    }
    if (records === undefined) return;
    transaction.table = relation.name;
    this.#options.queue.add(records);
  }

  /** Undefined if the change is not published. */
  #recordsOf(
    begin: BeginMessage,
    relation: Relation,
    oid: number,
    message: ChangeMessage,
    context: EventContext,
  ): readonly ProducedRecord[] | undefined {
    const { encoder, skippedOperations: skipped } = this.#options;
    switch (message.tag) {
      case 'insert':
        return skipped.has('c') ? undefined : encoder.create(oid, message.after, context);
      case 'update': {
        // A changed key is published as a delete and a create, and skipped as such.
        const isNewKey = keyChanges(relation, message);
        if (skipped.has('u') && !isNewKey) return undefined;
        if (this.#isSuperseded(relation, message, begin)) return undefined;
        refuseLostToast(relation, message);
        const records = encoder.update(oid, message.before, message.beforeKind, message.after, context);
        return isNewKey ? records.filter((record) => !isSkippedHalf(record, skipped)) : records;
      }
      case 'delete':
        return skipped.has('d')
          ? undefined
          : encoder.delete(oid, message.before, message.beforeKind, context);
      case 'truncate':
        return skipped.has('t') ? undefined : encoder.truncate(oid, context);
      default:
        return unreachable(message, 'message');
    }
  }

  /** True if a later snapshot has the row, or the row is gone by then: see {@link SourceOffset.readWhole}. */
  #isSuperseded(relation: Relation, message: UpdateMessage, begin: BeginMessage): boolean {
    if (message.beforeKind === 'key' || !message.after.includes(UNCHANGED_TOAST)) return false;
    const at = this.#options.readWholeAt(relation.name);
    return at !== undefined && begin.finalLsn < at;
  }

  #open(lsn: Lsn): OpenTransaction {
    if (this.#transaction) return this.#transaction;
    throw new LabError('CDC-1033', `A message at ${formatLsn(lsn)} is outside of any transaction.`, {
      remedy: 'Restart the task: the stream resumes at the stored position.',
    });
  }
}

/** Rows of the signalling table are (id, type, data): Debezium's documentation, "Sending signals". */
function collectSignal(transaction: OpenTransaction, relation: Relation, message: PgOutputMessage): void {
  if (message.tag !== 'insert') return;
  const value = (name: string) => {
    const index = relation.message.columns.findIndex((column) => column.name === name);
    const found = message.after[index];
    return typeof found === 'string' ? found : null;
  };
  transaction.signals.push({ id: value('id') ?? '', type: value('type') ?? '', data: value('data') });
}
