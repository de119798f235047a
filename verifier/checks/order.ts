import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, notApplicable, pass } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import { type Example, type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import { worst } from '../verdict.ts';
import { handledIn, rowsEqualNow } from '../verification/equal-now.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';

const name = 'order';
/** Rows per table whose position is watched from one verification to the next. */
const WATCHED_ROWS = 1_000;

/**
 * The changes of each key must be in the order of their commits: in the topic, by the positions of the records, and in
 * the sink, where a row's position may only grow. A guarded sink hides an inversion in the topic by suppressing the older
 * change; another sink on the same topic would not. Inversions from before the rows were repaired are told as history.
 */
export default {
  name,
  describe:
    'The changes of each key arrive in the order of their commits, and no row of the sink goes back in time.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { databases, evidence, memory } = context;
    const log = await evidence.topicLog();
    if (log !== null && log.problem !== '') throw new Error(log.problem);
    const { findings, history } =
      log === null ? { findings: [], history: [] } : await inTheTopics(context, log);
    const watched = await watch(await databases.sink(), await evidence.catalogues(), memory?.positions);
    findings.push(...watched.findings);
    if (log === null && watched.rows === 0) return notApplicable('no Kafka, and the sink keeps no positions');
    const changes = log?.ordered.changes ?? 0;
    const details = [`${changes} changes in order`, `${watched.rows} rows watched in the sink`];
    if (log?.ordered.keysLeftOut === true) details.push('there are too many keys to remember all of them');
    if (log !== null && !log.complete) details.push('the topics hold records that have not been read yet');
    details.push(...history);
    if (findings.length === 0) return pass(details.join('; '));
    const detail = findings.map((one) => one.detail).join('; ');
    return { verdict: worst(findings.map(({ verdict }) => verdict)), detail, findings };
  },
} satisfies Check;

/** Violations of the order in the topics: those of now, and a sentence for each of which the rows are repaired. */
async function inTheTopics(
  { pipeline, evidence, memory }: Pick<CheckContext, 'pipeline' | 'evidence' | 'memory'>,
  log: TopicLogView,
): Promise<{ readonly findings: Finding[]; readonly history: string[] }> {
  const findings: Finding[] = [];
  const history: string[] = [];
  for (const [table, topic] of await pipeline.topics()) {
    const order = log.order.get(topic);
    if (order === undefined) continue;
    const own: Finding[] = [];
    if (order.inverted > 0) {
      const detail = `${order.inverted} changes in ${topic} arrived after a newer change of their key`;
      own.push(found(table, 'capture', order.inverted, order.invertedExamples, detail));
    }
    if (order.moved > 0) {
      const detail = `${order.moved} records of ${topic} are in another partition than earlier records of their key`;
      own.push(found(table, 'capture', order.moved, order.movedExamples, detail));
    }
    if (own.length === 0) continue;
    const look = {
      count: `${order.inverted} ${order.moved}`,
      handled: handledIn(log, topic),
      rowsEqual: await rowsEqualNow({ evidence }, table),
    };
    const isHealed = memory?.healed.isHealed(`${name} ${topic}`, look) ?? false;
    if (isHealed) history.push(...own.map(({ detail }) => `healed: ${detail}; its rows are equal now`));
    else findings.push(...own);
  }
  return { findings, history };
}

type Positions = NonNullable<CheckContext['memory']>['positions'];

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

/**
 * Reads the positions of rows that an earlier verification has seen, and of some more.
 * @param positions What is remembered, by table and key; is updated. Undefined: nothing is remembered.
 */
async function watch(
  sink: Database,
  { copies, source }: Catalogues,
  positions: Positions | undefined,
): Promise<{ readonly rows: number; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  let rows = 0;
  for (const [id, copy] of copies) {
    const key = (source.get(id)?.key ?? []).map((column) => column.name);
    const known = positions?.get(id) ?? new Map<string, string>();
    const now = await positionsOf(sink, copy, key, [...known.keys()]);
    if (now === null) continue;
    const back = [...now].filter(([text, position]) => position < (known.get(text) ?? ''));
    if (back.length > 0) {
      const examples = back.slice(0, MAX_EXAMPLES).map(([text, position]): Example => {
        const values = JSON.parse(text) as string[];
        const detail = `its position is ${position}, and was ${known.get(text)} before`;
        return {
          key: Object.fromEntries(key.map((column, i) => [column, values[i] ?? null])),
          columns: [],
          detail,
        };
      });
      const detail = `${back.length} rows of ${id} went back to an older position`;
      findings.push(found(id, 'sink', back.length, examples, detail));
    }
    // The newest position of a row is remembered, so that the finding lasts until the row is repaired.
    const kept = [...now].map(([text, position]): [string, string] => {
      const before = known.get(text) ?? '';
      return [text, position > before ? position : before];
    });
    positions?.set(id, new Map(kept.slice(0, WATCHED_ROWS)));
    rows += now.size;
  }
  return { rows, findings };
}

/** Positions by key text, of the known rows and of as many others as fit. Null if the sink keeps no positions. */
async function positionsOf(
  sink: Database,
  copy: Table,
  key: readonly string[],
  known: readonly string[],
): Promise<ReadonlyMap<string, string> | null> {
  const has = (column: string): boolean => copy.columns.some((own) => own.name === column);
  if (key.length === 0 || copy.key.length === 0 || ![...key, METADATA_COLUMNS.position].every(has))
    return null;
  const text = `jsonb_build_array(${key.map((column) => `${ident(column)}::text`).join(', ')})::text`;
  const select = `SELECT ${text} AS key, ${ident(METADATA_COLUMNS.position)} AS position FROM ${relationOf(copy)} AS t`;
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
