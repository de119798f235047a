import type { EventEncoder } from '../../contract/envelope.ts';
import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { RelationMessage, TypeMessage } from '../../contract/pgoutput.ts';
import type { TableDescription } from '../../contract/table.ts';
import type { TableFilter } from '../config/table-filter.ts';
import { formatLsn } from '../source/lsn-text.ts';

/** A relation that the stream has described. */
export interface Relation {
  /** `schema.table`. */
  readonly name: string;
  readonly use: 'capture' | 'signal' | 'ignore';
  readonly message: RelationMessage;
  /** Indexes of the primary key's columns; empty until the catalogue has been asked. */
  keyIndexes: readonly number[];
}

/** The relations of one stream: what each is called, and what its changes are used for. */
export class Relations {
  readonly #captured: TableFilter;
  readonly #signalTable: string | undefined;
  readonly #byOid = new Map<number, Relation>();
  readonly #nameByTopic = new Map<string, string>();
  readonly #types = new Map<number, TypeMessage>();

  /** @param signalTable `schema.table` of the signalling table, if there is one. */
  constructor(captured: TableFilter, signalTable: string | undefined) {
    this.#captured = captured;
    this.#signalTable = signalTable;
  }

  /** Takes a Relation message, which replaces an earlier one of the same oid. */
  add(message: RelationMessage): Relation {
    const name = `${message.schema}.${message.table}`;
    const isCaptured = this.#captured(message.schema, message.table);
    const use = name === this.#signalTable ? 'signal' : isCaptured ? 'capture' : 'ignore';
    const relation: Relation = { name, use, message, keyIndexes: [] };
    this.#byOid.set(message.relationOid, relation);
    return relation;
  }

  /** Takes what the catalogue says about a relation. @throws LabError if a column's type is not supported. */
  describe(table: TableDescription, encoder: EventEncoder): void {
    const relation = this.#byOid.get(table.relationOid);
    if (relation === undefined) return;
    relation.keyIndexes = table.columns.flatMap((column, i) => (column.keyRank > 0 ? [i] : []));
    encoder.describe(table);
    this.#nameByTopic.set(encoder.topicOf(table.schema, table.table), relation.name);
  }

  addType(message: TypeMessage): void {
    this.#types.set(message.typeOid, message);
  }

  typeOf(oid: number): TypeMessage | undefined {
    return this.#types.get(oid);
  }

  find(oid: number): Relation | undefined {
    return this.#byOid.get(oid);
  }

  /** @throws LabError CDC-1032 if the stream has not described the relation of a change. */
  of(oid: number, changeAt: Lsn): Relation {
    const relation = this.#byOid.get(oid);
    if (relation) return relation;
    throw new LabError(
      'CDC-1032',
      `A change at ${formatLsn(changeAt)} belongs to relation ${oid}, which the stream never described.`,
      { remedy: 'Restart the task: the server then describes every relation again.' },
    );
  }

  /** `schema.table` of a topic that a record of the stream went to. */
  nameOf(topic: string): string {
    return this.#nameByTopic.get(topic) ?? topic;
  }
}
