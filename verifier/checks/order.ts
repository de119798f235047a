import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, pass } from '../check.ts';
import { ident } from '../connection/postgres.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import type { Example, Finding } from '../report.ts';
import { finding } from '../report.ts';
import { worst } from '../verdict.ts';

const name = 'order';
/** Rows of each table whose position is watched from one verification to the next. */
const WATCHED_ROWS = 1_000;
const EXAMPLES = 5;

/**
 * Changes of one key in the order of their commits: on their way, by the positions of the topic's records; and in the
 * sink, where the position of a row may only grow. A guarded sink hides an inversion by suppressing the older change;
 * another sink behind the same topic would not.
 */
export default {
  name,
  describe: 'The changes of each key travel in the order of their commits, and no row of the sink goes back.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const log = await context.topicLog();
    if (log !== null && log.problem !== '') throw new Error(log.problem);
    const findings: Finding[] = [];
    for (const [table, topic] of await context.topics()) {
      const order = log?.order.get(topic);
      if (order !== undefined && order.inverted > 0) {
        const detail = `${order.inverted} changes came behind a newer one of their key in ${topic}`;
        findings.push(found(table, 'capture', order.inverted, order.invertedExamples, detail));
      }
      if (order !== undefined && order.moved > 0) {
        const detail = `${order.moved} records of ${topic} are in another partition than their key was before`;
        findings.push(found(table, 'capture', order.moved, order.movedExamples, detail));
      }
    }
    const watched = await watch(context, findings);
    const changes = log?.ordered.changes ?? 0;
    const told = [`${changes} changes in order`, `${watched} rows watched in the sink`];
    if (log?.ordered.keysLeftOut === true) told.push('there are more keys than can be remembered');
    if (log !== null && !log.complete) told.push('the topics hold more than was read so far');
    if (findings.length === 0) return pass(told.join('; '));
    const detail = findings.map((one) => one.detail).join('; ');
    return { verdict: worst(findings.map(({ verdict }) => verdict)), detail, findings };
  },
} satisfies Check;

function found(
  table: string,
  hop: Finding['hop'],
  count: number,
  examples: readonly Example[],
  detail: string,
): Finding {
  const about = { check: name, class: 'order', verdict: 'FAIL', table, hop, count, detail } as const;
  return finding({ ...about, first: examples[0] ?? null, examples: [...examples] });
}

/** Looks again at the rows that an earlier verification has seen, and at some more; returns how many there are. */
async function watch(context: CheckContext, findings: Finding[]): Promise<number> {
  const { copies, source } = await context.catalogues();
  let rows = 0;
  for (const [id, copy] of copies) {
    const key = (source.get(id)?.key ?? []).map((column) => column.name);
    const known = context.memory?.positions.get(id) ?? new Map<string, string>();
    const now = await positionsOf(context, copy, key, [...known.keys()]);
    if (now === null) continue;
    const back = [...now].filter(([text, position]) => position < (known.get(text) ?? ''));
    if (back.length > 0) {
      const examples = back.slice(0, EXAMPLES).map(([text, position]): Example => {
        const values = JSON.parse(text) as string[];
        const detail = `${position}, and ${known.get(text)} before`;
        return {
          key: Object.fromEntries(key.map((column, i) => [column, values[i] ?? null])),
          columns: [],
          detail,
        };
      });
      const detail = `${back.length} rows of ${id} went back to an older position`;
      findings.push(found(id, 'sink', back.length, examples, detail));
    }
    // A row that went back stays known by what it has shown: the finding lasts until it is mended.
    const kept = [...now].map(([text, position]): [string, string] => {
      const before = known.get(text) ?? '';
      return [text, position > before ? position : before];
    });
    context.memory?.positions.set(id, new Map(kept.slice(0, WATCHED_ROWS)));
    rows += now.size;
  }
  return rows;
}

/** By key text: rows known before, and as many others as there is room for. Null where the sink keeps no positions. */
async function positionsOf(
  context: CheckContext,
  copy: Table,
  key: readonly string[],
  known: readonly string[],
): Promise<ReadonlyMap<string, string> | null> {
  const has = (column: string): boolean => copy.columns.some((own) => own.name === column);
  if (key.length === 0 || copy.key.length === 0 || ![...key, METADATA_COLUMNS.position].every(has))
    return null;
  const text = `jsonb_build_array(${key.map((column) => `${ident(column)}::text`).join(', ')})::text`;
  const select = `SELECT ${text} AS key, ${ident(METADATA_COLUMNS.position)} AS position FROM ${relationOf(copy)} AS t`;
  const sink = await context.sink();
  const columns = copy.columns.filter((column) => key.includes(column.name));
  const typed = key.map((column, i) => {
    const cast = columns.find((own) => own.name === column)?.cast ?? 'text';
    return `(k::jsonb->>${i})::${cast}`;
  });
  const again = `${select} WHERE (${key.map(ident).join(', ')}) IN (SELECT ${typed.join(', ')} FROM unnest($1::text[]) AS k)`;
  const seen = known.length === 0 ? [] : await sink.query(again, [known]);
  const others = seen.length >= WATCHED_ROWS ? [] : await sink.query(`${select} LIMIT ${WATCHED_ROWS}`);
  const all = [...others, ...seen].flatMap(({ key: own, position }) =>
    own == null || position == null ? [] : [[own, position] as const],
  );
  return new Map(all);
}
