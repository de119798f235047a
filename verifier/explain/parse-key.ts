import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { identifiersOf, parseTable, tableId } from '../table-id.ts';

/** The caller named a table or key that does not exist. */
export class NoSuchRowError extends LabError {
  constructor(message: string, remedy: string) {
    super('CDC-4070', message, { remedy });
    this.name = 'NoSuchRowError';
  }
}

/**
 * Finds a table by name, quoted as PostgreSQL does: `public.customers`, or `customers` if only one schema has it.
 * @throws NoSuchRowError naming the nearest.
 */
export function tableNamed(name: string, tables: ReadonlyMap<string, Table>): Table {
  const parts = identifiersOf(name) ?? [];
  const full = parts.length === 2 ? parseTable(name) : undefined;
  const exact = full === undefined ? undefined : tables.get(tableId(full));
  if (exact !== undefined) return exact;
  const all = [...tables.values()];
  const [first, ...others] = parts.length === 1 ? all.filter((table) => table.name === parts[0]) : [];
  if (first !== undefined && others.length === 0) return first;
  const known = all.map((table) => table.id).join(', ');
  if (first !== undefined) {
    throw new NoSuchRowError(`Several schemas have a table "${name}".`, `Name it in full: ${known}.`);
  }
  const names = all.flatMap((table) => [table.name, table.id]);
  throw new NoSuchRowError(`There is no table "${name}".${didYouMean(name, names)}`, `Known: ${known}.`);
}

/**
 * Parses a key as given on the command line: the value of a single-column key, or `a=1,b=x`. A comma or backslash inside
 * a value is escaped by a backslash.
 * @returns the text of each primary key column.
 * @throws NoSuchRowError for a column that is not part of the key, or one that is absent.
 */
export function parseKey(text: string, table: Table): Readonly<Record<string, string>> {
  const names = table.key.map(({ name }) => name);
  const [only, ...more] = names;
  if (only === undefined) {
    throw new NoSuchRowError(`${table.id} has no primary key.`, 'Its rows cannot be identified.');
  }
  const asked = `Give ${names.map((name) => `${name}=…`).join(',')}.`;
  if (more.length === 0 && !text.startsWith(`${only}=`)) {
    const named = /^([A-Za-z_]\w*)=/.exec(text)?.[1];
    const isColumn = table.columns.some(({ name }) => name === named);
    if (named !== undefined && isColumn) {
      throw new NoSuchRowError(`"${named}" is not the key column of ${table.id}.`, asked);
    }
    return { [only]: text };
  }
  if (more.length === 0) return { [only]: text.slice(only.length + 1) };
  const key: Record<string, string> = {};
  for (const part of splitAtCommas(text)) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at));
    if (!names.includes(name)) {
      const said = at < 0 ? part : name;
      throw new NoSuchRowError(
        `"${said}" is not a key column of ${table.id}.${didYouMean(said, names)}`,
        asked,
      );
    }
    key[name] = part.slice(at + 1);
  }
  const absent = names.filter((name) => !(name in key));
  if (absent.length === 0) return key;
  throw new NoSuchRowError(`The key of ${table.id} lacks ${absent.join(', ')}.`, asked);
}

function splitAtCommas(text: string): string[] {
  // A comma after a backslash is part of the value.
  const parts = text.match(/(?:\\[\s\S]|[^,\\])+/g) ?? [];
  return parts.map((part) => part.replaceAll(/\\([,\\])/g, '$1'));
}
