import type { ClientBase, QueryResult } from 'pg';
import type { SinkTable } from '../bind/sink-table.ts';

interface Statement {
  readonly name: string;
  readonly text: string;
}

/**
 * The prepared statements of one task, one per table and purpose. Names are unique within the task: its pool's
 * connections are its own, and each remembers a statement by its name.
 */
export class PreparedStatements {
  /** A table that is loaded again is another object, so its statements are made again. */
  readonly #byTable = new WeakMap<SinkTable, Map<string, Statement>>();
  #made = 0;

  /** Runs the statement with this id; its text is made at the first run. */
  run(
    client: ClientBase,
    table: SinkTable,
    { id, text, values }: { readonly id: string; readonly text: () => string; readonly values: unknown[] },
  ): Promise<QueryResult> {
    let ofTable = this.#byTable.get(table);
    if (ofTable === undefined) {
      ofTable = new Map();
      this.#byTable.set(table, ofTable);
    }
    let statement = ofTable.get(id);
    if (statement === undefined) {
      statement = { name: `cdc_${++this.#made}`, text: text() };
      ofTable.set(id, statement);
    }
    return client.query({ ...statement, values });
  }
}
