/** A defect that lives in the sink's database, where no stage of a pipeline can plant it. */
export interface SinkDatabaseDefect {
  readonly name: string;
  readonly description: string;
  readonly table: 'customers' | 'orders' | 'order_items' | 'documents';
  /** Class of the finding that it causes in that table. */
  readonly class: 'missing' | 'extra' | 'stale' | 'corrupted';
  /** Classes of rows in the same table that follow from it. */
  readonly follows?: readonly ('missing' | 'extra' | 'stale' | 'corrupted')[];
  /** Runs once, when the sink has created its tables. */
  readonly install?: string;
  /** Runs before each verification: an edit by hand, which a later event of the row would repair. */
  readonly edit?: string;
}

type Row = 'INSERT' | 'INSERT OR UPDATE' | 'UPDATE' | 'DELETE';

/** A row trigger. `body` sees NEW and OLD, and may return early. */
const trigger = (on: Row, table: string, body: string): string => `
  CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    ${body}
    RETURN ${on === 'DELETE' ? 'OLD' : 'NEW'};
  END $$;
  CREATE TRIGGER spoil BEFORE ${on} ON ${table} FOR EACH ROW EXECUTE FUNCTION spoil()`;

/** Picks a third of the rows, always the same. */
const third = (row: 'NEW' | 'OLD'): string => `abs(hashtext(${row}.id::text)) % 3 = 0`;

export const SINK_DATABASE_DEFECTS: readonly SinkDatabaseDefect[] = [
  {
    name: 'adds-a-cent',
    description: 'A trigger adds a cent to the amount of every third order.',
    table: 'orders',
    class: 'corrupted',
    install: trigger(
      'INSERT OR UPDATE',
      'orders',
      `IF ${third('NEW')} THEN NEW.amount := NEW.amount + 0.01; END IF;`,
    ),
  },
  {
    name: 'rounds-prices',
    description: 'A trigger rounds prices to whole units.',
    table: 'order_items',
    class: 'corrupted',
    install: trigger('INSERT OR UPDATE', 'order_items', 'NEW.price := round(NEW.price);'),
  },
  {
    name: 'pads-with-blanks',
    description: 'A trigger pads titles with a blank, as a column of fixed length would.',
    table: 'documents',
    class: 'corrupted',
    install: trigger('INSERT OR UPDATE', 'documents', "NEW.title := NEW.title || ' ';"),
  },
  {
    name: 'writes-null-as-text',
    description: "A trigger writes 'NULL' for NULL.",
    table: 'orders',
    class: 'corrupted',
    install: trigger('INSERT OR UPDATE', 'orders', "NEW.note := coalesce(NEW.note, 'NULL');"),
  },
  {
    name: 'drops-inserts',
    description: 'A trigger drops every third new order without an error.',
    table: 'orders',
    class: 'missing',
    // An upsert of a row that is there fires the trigger too, and so drops the update.
    follows: ['stale'],
    install: trigger('INSERT', 'orders', `IF ${third('NEW')} THEN RETURN NULL; END IF;`),
  },
  {
    name: 'ignores-updates',
    description: 'A trigger ignores updates of every third customer.',
    table: 'customers',
    class: 'stale',
    install: trigger('UPDATE', 'customers', `IF ${third('OLD')} THEN RETURN NULL; END IF;`),
  },
  {
    name: 'keeps-deleted-rows',
    description: 'A trigger ignores deletes of orders.',
    table: 'orders',
    class: 'extra',
    install: trigger('DELETE', 'orders', 'RETURN NULL;'),
  },
  {
    name: 'edits-by-hand',
    description: 'Somebody edits amounts in the copy.',
    table: 'orders',
    class: 'corrupted',
    edit: 'UPDATE orders SET amount = amount + 100 WHERE id IN (SELECT id FROM orders ORDER BY random() LIMIT 200)',
  },
  {
    name: 'deletes-by-hand',
    description: 'Somebody deletes orders in the copy.',
    table: 'orders',
    class: 'missing',
    edit: 'DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY random() LIMIT 50)',
  },
];

/** A rule that PostgreSQL does not combine with the sink's statements: the task fails, and no row is lost unnoticed. */
export const RULE = 'CREATE RULE spoil AS ON DELETE TO orders DO INSTEAD NOTHING';
