import type { ColumnPair } from '../compare/column-pair.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { overValues } from '../exact/versions.ts';
import { castableText } from '../observe/topic/castable.ts';
import { asPostgresText } from '../observe/topic/envelope.ts';
import type { TopicRecord } from '../observe/topic/topic-history.ts';

/** Texts of a record's values under the rules of the comparison, by the source's name of the column. */
export type TopicTexts = ReadonlyMap<TopicRecord, ReadonlyMap<string, string | null>>;

/** What a text of the topic is that its column's type does not read. It equals no text of the source. */
const NO_VALUE = '\u0000 not a value of the type';

/**
 * Brings values of the topic to the texts that the comparison uses, where only SQL can: the columns that are compared by a
 * rule, and those whose form in an event is not what PostgreSQL prints. The source evaluates the rule for its own values,
 * so a faithful record has the source's text exactly.
 */
export async function topicTexts(
  source: Database,
  pair: TablePair,
  records: readonly TopicRecord[],
): Promise<TopicTexts> {
  const texts = new Map<TopicRecord, Map<string, string | null>>();
  for (const column of pair.columns) {
    if (column.types === 'incomparable' || column.types === 'absent') continue;
    const given = records.flatMap((record) => {
      const text = givenText(column, record);
      return text === undefined ? [] : [{ record, text }];
    });
    const found = await ruled(
      source,
      column,
      given.map(({ text }) => text),
    );
    for (const [i, { record }] of given.entries()) {
      const own = texts.get(record) ?? new Map<string, string | null>();
      texts.set(record, own.set(column.source.name, found[i] ?? null));
    }
  }
  return texts;
}

/** Undefined where the text needs no SQL, or is not known. */
function givenText({ source, asPrinted }: ColumnPair, { event }: TopicRecord): string | null | undefined {
  if (event === null || event.after === null || !(source.name in event.after)) return undefined;
  const value = event.after[source.name];
  if (asPrinted && asPostgresText(value, source, event) !== undefined) return undefined;
  return castableText(value, source, event);
}

async function ruled(
  source: Database,
  column: ColumnPair,
  texts: readonly (string | null)[],
): Promise<readonly (string | null)[]> {
  if (texts.length === 0) return [];
  try {
    const rows = await overValues(
      source,
      [{ name: column.source.name, cast: column.source.cast }],
      `${column.sourceText} AS t`,
      texts.map((text) => [text]),
    );
    return rows.map((row) => row.t ?? null);
  } catch (error) {
    if (!source.isOpen) throw error;
    if (texts.length === 1) return [NO_VALUE];
    // One text is no value of the type: find it.
    const half = Math.ceil(texts.length / 2);
    return [
      ...(await ruled(source, column, texts.slice(0, half))),
      ...(await ruled(source, column, texts.slice(half))),
    ];
  }
}
