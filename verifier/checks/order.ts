import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, notApplicable, pass } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { eachTable, type Walk } from '../observe/each-table.ts';
import { keepsMetadata } from '../observe/sink/own-tables.ts';
import { isBorrowed, relationOf, type Table } from '../observe/source/catalogue.ts';
import { type Example, type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import { countOfText, countText } from '../units.ts';
import { worst } from '../verdict.ts';
import { asHistory, hasNone, isHistory } from '../verification/equal-now.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';
import { withUnread } from '../verification/unread-tables.ts';

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
    const { evidence } = context;
    const log = await evidence.topicLog();
    if (log !== null && log.problem !== '') throw new Error(log.problem);
    const { findings, history } =
      log === null ? { findings: [], history: [] } : await inTheTopics(context, log);
    const watched = await watch(context, await evidence.catalogues());
    findings.push(...watched.findings);
    history.push(...watched.history);
    const none = notApplicable('no Kafka, and the sink keeps no positions');
    if (log === null && watched.rows === 0) return withUnread(name, none, watched.unread);
    const changes = log?.ordered.changes ?? 0;
    const details = [
      `${countOfText(changes, 'change')} in order`,
      `${countOfText(watched.rows, 'row')} watched in the sink`,
    ];
    if (log?.ordered.keysLeftOut === true) details.push('there are too many keys to remember all of them');
    if (log !== null && !log.complete) details.push('the topics hold records that have not been read yet');
    details.push(...history);
    if (findings.length === 0) return withUnread(name, pass(details.join('; ')), watched.unread);
    const detail = findings.map((one) => one.detail).join('; ');
    const verdict = worst(findings.map((one) => one.verdict));
    return withUnread(name, { verdict, detail, findings }, watched.unread);
  },
} satisfies Check;

/** Violations of the order in the topics: those of now, and a sentence for each of which the rows are repaired. */
async function inTheTopics(
  context: Pick<CheckContext, 'pipeline' | 'evidence' | 'memory'>,
  log: TopicLogView,
): Promise<{ readonly findings: Finding[]; readonly history: string[] }> {
  const findings: Finding[] = [];
  const history: string[] = [];
  for (const [table, topic] of await context.pipeline.topics()) {
    const order = log.order.get(topic);
    const subject = `${name} ${topic}`;
    if (order === undefined) {
      if (log.complete) hasNone(context, subject);
      continue;
    }
    const own: Finding[] = [];
    if (order.inverted > 0) {
      const detail = `${countText(order.inverted)} changes in ${topic} arrived after a newer change of their key`;
      own.push(found(table, 'capture', order.inverted, order.invertedExamples, detail));
    }
    if (order.moved > 0) {
      const detail = `${countText(order.moved)} records of ${topic} are in another partition than earlier records of their key`;
      own.push(found(table, 'capture', order.moved, order.movedExamples, detail));
    }
    // The numbers begin again with the verifier, and fall with the topic's retention. The last offsets only grow.
    const counts = Object.fromEntries(
      [...order.last].map(([at, offset]) => [String(at), Number(offset) + 1]),
    );
    const fault = { subject, counts, table, handledIn: topic };
    if (await isHistory(context, fault)) history.push(...own.map(({ detail }) => asHistory(detail)));
    else findings.push(...own);
  }
  return { findings, history };
}

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

interface Watched {
  readonly rows: number;
  readonly findings: readonly Finding[];
  /** A sentence for each table whose rows went back and are equal now. */
  readonly history: readonly string[];
  readonly unread: Walk<unknown>['unread'];
}

/** Reads the positions of rows that an earlier verification has seen, and of some more, and remembers them. */
async function watch(
  context: Pick<CheckContext, 'databases' | 'pipeline' | 'evidence' | 'memory'>,
  { copies, source }: Catalogues,
): Promise<Watched> {
  const { databases, memory } = context;
  await databases.sink();
  const keyOf = (id: string) => source.get(id)?.key ?? [];
  const { answers, unread } = await eachTable(copies, async (copy, id) => {
    const known = [...(memory?.positions.get(id)?.keys() ?? [])];
    return await positionsOf(await databases.sink(), copy, keyOf(id), known);
  });
  const findings: Finding[] = [];
  const history: string[] = [];
  let rows = 0;
  for (const [id, now] of answers) {
    if (now === null) continue;
    const known = memory?.positions.get(id) ?? new Map<string, string>();
    const back = [...now].filter(([text, position]) => position < (known.get(text) ?? ''));
    if (back.length === 0) hasNone(context, rowsSubject(id));
    else {
      const found = wentBack(id, keyOf(id), back, known);
      if (await isOver(context, id, back)) history.push(asHistory(found.detail));
      else findings.push(found);
    }
    // The newest position of a row is remembered, so that the finding lasts until the row is repaired.
    const kept = [...now].map(([text, position]): [string, string] => {
      const before = known.get(text) ?? '';
      return [text, position > before ? position : before];
    });
    memory?.positions.set(id, new Map(kept.slice(0, WATCHED_ROWS)));
    rows += now.size;
  }
  return { rows, findings, history, unread };
}

async function isOver(
  context: Pick<CheckContext, 'pipeline' | 'evidence' | 'memory'>,
  table: string,
  back: readonly (readonly [string, string])[],
): Promise<boolean> {
  const ids = back.map(([text, position]) => `${text} ${position}`);
  const topic = context.memory === undefined ? null : ((await context.pipeline.topics()).get(table) ?? null);
  return await isHistory(context, { subject: rowsSubject(table), ids, table, handledIn: topic });
}

function rowsSubject(table: string): string {
  return `${name} of rows ${table}`;
}

/** Reports rows whose position is older than the one that they had. */
function wentBack(
  id: string,
  key: Table['key'],
  back: readonly (readonly [string, string])[],
  known: ReadonlyMap<string, string>,
): Finding {
  const examples = back.slice(0, MAX_EXAMPLES).map(([text, position]): Example => {
    const values = JSON.parse(text) as string[];
    const detail = `its position is ${position}, and was ${known.get(text)} before`;
    return {
      key: Object.fromEntries(key.map(({ name: of }, i) => [of, values[i] ?? null])),
      columns: [],
      detail,
    };
  });
  const detail = `${countText(back.length)} rows of ${id} went back to an older position`;
  return found(id, 'sink', back.length, examples, detail);
}

/** Positions by key text, of the known rows and of as many others as fit. Null if the sink keeps no positions. */
async function positionsOf(
  sink: Database,
  copy: Table,
  key: Table['key'],
  known: readonly string[],
): Promise<ReadonlyMap<string, string> | null> {
  const names = key.map((column) => column.name);
  const has = (column: string): boolean => copy.columns.some((own) => own.name === column);
  if (names.length === 0 || copy.key.length === 0 || !names.every(has) || !keepsMetadata(copy, 'position'))
    return null;
  const text = `jsonb_build_array(${names.map((column) => `${ident(column)}::text`).join(', ')})::text`;
  const select = `SELECT ${text} AS key, ${ident(METADATA_COLUMNS.position)} AS position FROM ${relationOf(copy)} AS t`;
  const seen =
    known.length === 0 ? [] : await sink.query(`${select} WHERE ${isAmong(copy, names, text)}`, [known]);
  const others = seen.length >= WATCHED_ROWS ? [] : await sink.query(`${select} LIMIT ${WATCHED_ROWS}`);
  const all = [...others, ...seen].flatMap(({ key: own, position }) =>
    own == null || position == null ? [] : [[own, position] as const],
  );
  return new Map(all);
}

/** SQL condition for the rows whose key's text is in `$1`. The key's index serves it, unless an extension has its type. */
function isAmong({ columns }: Table, key: readonly string[], text: string): string {
  const own = key.flatMap((name) => columns.filter((column) => column.name === name));
  if (own.some(isBorrowed)) return `${text} = ANY ($1::text[])`;
  const typed = own.map(({ cast }, i) => `(k::jsonb->>${i})::${cast}`);
  return `(${key.map(ident).join(', ')}) IN (SELECT ${typed.join(', ')} FROM unnest($1::text[]) AS k)`;
}
