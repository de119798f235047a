import { messageOf } from '../../pipeline/contract/errors.ts';

/** What a walk over tables gives: an answer for each table, or why there is none. Both by the source table's id. */
export interface Walk<T> {
  readonly answers: ReadonlyMap<string, T>;
  /** Why a table could not be read. */
  readonly unread: ReadonlyMap<string, string>;
}

/**
 * Asks about each table separately: one that cannot be read hides no other.
 * @param ask Opens its connection itself, because the connection may have broken with the table before.
 */
export async function eachTable<Subject, T>(
  tables: Iterable<readonly [string, Subject]>,
  ask: (subject: Subject, id: string) => Promise<T>,
): Promise<Walk<T>> {
  const answers = new Map<string, T>();
  const unread = new Map<string, string>();
  for (const [id, subject] of tables) {
    try {
      answers.set(id, await ask(subject, id));
    } catch (error) {
      unread.set(id, messageOf(error));
    }
  }
  return { answers, unread };
}
