import {
  type EventContext,
  type EventEncoder,
  NEW_KEY_HEADER,
  OLD_KEY_HEADER,
} from '../../contract/envelope.ts';
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
  UNCHANGED_TOAST,
  type UpdateMessage,
} from '../../contract/pgoutput.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { TableDescription } from '../../contract/table.ts';
import { unreachable } from '../../contract/unreachable.ts';
import type { TableFilter } from '../config/table-filter.ts';
import type { SignalRow } from '../position/commit-mark.ts';
import { createPositionWriter, formatLsn } from '../source/lsn-text.ts';
import { lostToastValue } from './lost-toast-value.ts';
import type { RecordQueue } from './record-queue.ts';
import type { TransactionMetadata } from './transaction-metadata.ts';

/** A relation that the stream has described. */
interface Relation {
  readonly name: string;
  readonly use: 'capture' | 'signal' | 'ignore';
  readonly message: RelationMessage;
  /** Indexes of the primary key's columns; known once the catalogue was asked. */
  keyIndexes: readonly number[];
}

interface OpenTransaction {
  readonly begin: BeginMessage;
  readonly positionOf: (ordinal: number) => Position;
  /** Changes so far. */
  ordinal: number;
  table: string | null;
  readonly signals: SignalRow[];
  readonly metadata: TransactionMetadata | undefined;
}

export interface StreamReaderOptions {
  readonly decode: DecodePgOutput;
  /** The way of most changes, where it is given. */
  readonly readRaw?: ReadFastChange | undefined;
  readonly encoder: EventEncoder;
  /** Where `provide.transaction.metadata` is on. */
  readonly metadataOf?: ((begin: BeginMessage) => TransactionMetadata) | undefined;
  readonly queue: RecordQueue;
  readonly timeline: number;
  readonly captured: TableFilter;
  /** `schema.table`, or undefined. */
  readonly signalTable: string | undefined;
  readonly skippedOperations: ReadonlySet<string>;
  readonly lastCommitLsn: Lsn | null;
  /** Position of the snapshot that reads this table (`schema.table`) as a whole, if one does. */
  readonly readWholeAt: (name: string) => Lsn | undefined;
}

/**
 * Messages of pgoutput → records and commits in the queue. No I/O.
 *
 * The ordinal of a change counts the changes of its transaction only. A Relation message does not count: when
 * one is sent depends on the session, and a change must have the same position each time that it is sent.
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #relations = new Map<number, Relation>();
  readonly #tables = new Map<string, string>();
  #transaction: OpenTransaction | undefined;
  #lastCommitLsn: Lsn | null;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#lastCommitLsn = options.lastCommitLsn;
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  get lastCommitLsn(): Lsn | null {
    return this.#lastCommitLsn;
  }

  /**
   * Takes one message, `bytes[from … to)`. Returns a Relation message that has to be looked up, and given to
   * {@link describe}, before the next message.
   * @throws LabError naming the LSN, where a message cannot be decoded or a row not be made an event.
   */
  read(start: Lsn, bytes: Buffer, from = 0, to = bytes.length): RelationMessage | undefined {
    const raw = this.#transaction?.metadata ? undefined : this.#options.readRaw?.(bytes, from, to);
    if (raw !== undefined && this.#takeRaw(start, raw)) return undefined;
    const message = this.#decode(start, bytes.subarray(from, to));
    switch (message.tag) {
      case 'begin':
        this.#begin(start, message);
        return undefined;
      case 'commit':
        this.#commit(start, message);
        return undefined;
      case 'relation':
        return this.#relation(message);
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#change(start, message);
        return undefined;
      case 'origin':
      case 'type':
      case 'message':
        return undefined;
      default:
        return unreachable(message, 'message');
    }
  }

  /** What the catalogue says of the relation that {@link read} returned. */
  describe(table: TableDescription): void {
    const relation = this.#relations.get(table.relationOid);
    if (relation === undefined) return;
    relation.keyIndexes = table.columns.flatMap((column, i) => (column.keyRank > 0 ? [i] : []));
    this.#options.encoder.describe(table);
    this.#tables.set(this.#options.encoder.topicOf(table.schema, table.table), relation.name);
  }

  /** `schema.table` of a topic that a record of the stream went to. */
  tableOf(topic: string): string {
    return this.#tables.get(topic) ?? topic;
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
            'Nothing after it was published. Report it with the server version; the slot keeps the WAL.',
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
      positionOf: createPositionWriter(this.#options.timeline, begin.finalLsn),
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

  #relation(message: RelationMessage): RelationMessage | undefined {
    const name = `${message.schema}.${message.table}`;
    const use =
      name === this.#options.signalTable
        ? 'signal'
        : this.#options.captured(message.schema, message.table)
          ? 'capture'
          : 'ignore';
    this.#relations.set(message.relationOid, { name, use, message, keyIndexes: [] });
    return use === 'capture' ? message : undefined;
  }

  #change(start: Lsn, message: InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage): void {
    const transaction = this.#open(start);
    transaction.ordinal++;
    const oids = message.tag === 'truncate' ? message.relationOids : [message.relationOid];
    for (const oid of oids) {
      const relation = this.#relations.get(oid);
      if (relation === undefined) {
        throw new LabError(
          'CDC-1032',
          `A change at ${formatLsn(start)} is of relation ${oid}, never described.`,
          {
            remedy: 'Restart the task: the server describes every relation anew.',
          },
        );
      }
      if (relation.use === 'signal') collectSignal(transaction, relation, message);
      if (relation.use === 'capture') this.#encode(start, transaction, relation, oid, message);
    }
  }

  /** Hot path. False where the change has to be decoded; nothing is done with it then. */
  #takeRaw(start: Lsn, change: FastChange): boolean {
    const relation = this.#relations.get(change.relationOid);
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
    message: InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage,
  ): void {
    const { encoder, skippedOperations, queue } = this.#options;
    const { begin } = transaction;
    const { metadata } = transaction;
    const context: EventContext = {
      ...this.#context(start, transaction, transaction.ordinal),
      ...(metadata ? { nextInTransaction: () => metadata.next(relation.name, start) } : {}),
    };
    let records: ProducedRecord[];
    try {
      switch (message.tag) {
        case 'insert':
          if (skippedOperations.has('c')) return;
          records = encoder.create(oid, message.after, context);
          break;
        case 'update':
          // A changed key is a delete and a create, and skipped as such.
          if (skippedOperations.has('u') && !keyChanges(relation, message)) return;
          if (this.#isVoid(relation, message, begin)) return;
          refuseLostToast(relation, message);
          records = encoder.update(oid, message.before, message.beforeKind, message.after, context);
          if (keyChanges(relation, message)) records = records.filter((r) => !this.#isSkippedHalf(r));
          break;
        case 'delete':
          if (skippedOperations.has('d')) return;
          records = encoder.delete(oid, message.before, message.beforeKind, context);
          break;
        case 'truncate':
          if (skippedOperations.has('t')) return;
          records = encoder.truncate(oid, context);
          break;
        default:
          unreachable(message, 'change');
      }
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      throw new LabError(
        'CDC-1031',
        `A change of ${relation.name} at ${formatLsn(start)} cannot be made an event: ${messageOf(cause)}`,
        { cause, remedy: 'Leave the table out with table.exclude.list, or report the value and its type.' },
      );
    }
    transaction.table = relation.name;
    queue.add(records);
  }

  /** The delete or the create of a changed key, where those are skipped. */
  #isSkippedHalf({ headers }: ProducedRecord): boolean {
    const { skippedOperations } = this.#options;
    return (
      (skippedOperations.has('d') && headers.has(NEW_KEY_HEADER)) ||
      (skippedOperations.has('c') && headers.has(OLD_KEY_HEADER))
    );
  }

  /** A snapshot has the row as it is later, or it is gone by then: see {@link SourceOffset.readWhole}. */
  #isVoid(relation: Relation, message: UpdateMessage, begin: BeginMessage): boolean {
    if (message.beforeKind === 'key' || !message.after.includes(UNCHANGED_TOAST)) return false;
    const at = this.#options.readWholeAt(relation.name);
    return at !== undefined && begin.finalLsn < at;
  }

  #open(lsn: Lsn): OpenTransaction {
    if (this.#transaction) return this.#transaction;
    throw new LabError('CDC-1033', `A message at ${formatLsn(lsn)} is outside of any transaction.`, {
      remedy: 'Restart the task; the stream begins again at the stored position.',
    });
  }
}

/** The signalling table's rows are (id, type, data): Debezium's documentation, "Sending signals". */
function collectSignal(transaction: OpenTransaction, relation: Relation, message: PgOutputMessage): void {
  if (message.tag !== 'insert') return;
  const value = (name: string) => {
    const index = relation.message.columns.findIndex((column) => column.name === name);
    const found = message.after[index];
    return typeof found === 'string' ? found : null;
  };
  transaction.signals.push({ id: value('id') ?? '', type: value('type') ?? '', data: value('data') });
}

/** Whether the old key was sent and is another than the new row's. */
function keyChanges(relation: Relation, { before, after }: UpdateMessage): boolean {
  return before !== null && relation.keyIndexes.some((i) => before[i] !== null && before[i] !== after[i]);
}

/** A changed key makes a new row: a value of it that the log does not hold could never be had again. */
function refuseLostToast(relation: Relation, message: UpdateMessage): void {
  const { before, beforeKind, after } = message;
  if (before === null || beforeKind !== 'key') return;
  if (relation.keyIndexes.every((i) => before[i] === after[i])) return;
  const lost = after.indexOf(UNCHANGED_TOAST);
  if (lost < 0) return;
  throw lostToastValue(relation.message, relation.message.columns[lost]?.name ?? String(lost));
}
