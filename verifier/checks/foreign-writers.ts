import { createHash } from 'node:crypto';
import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, notApplicable } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import { eachTable } from '../observe/each-table.ts';
import { keepsPositions } from '../observe/sink/sink-sums.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import type { TopicView } from '../observe/topic/topic-log.ts';
import type { KnownPositions } from '../observe/topic/topic-positions.ts';
import { type Example, type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import { countOfText, countText } from '../units.ts';
import { asHistory, hasNone, isHistory } from '../verification/equal-now.ts';
import { periodically } from '../verification/periodic-check.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'foreign-writers';
/** Larger tables are sampled. */
const SAMPLED_ABOVE_ROWS = 50_000;
/** Rows of a table that are looked at one by one. Where more are foreign, it is never history: they are not remembered. */
const MOST_SUSPECTS = 20_000;

/**
 * Rows of the sink that the pipeline did not write: they have no position of an event, or one that no record of the
 * topic has. If their values are right, that is luck, as when an application writes to both databases. Rows that were
 * written by hand to repair the sink are history once no others are added.
 */
export default {
  name,
  describe: 'Every row of the sink was written by an event of its topic.',
  needsFence: true,
  run: periodically(name, async (context): Promise<CheckResult> => {
    const { databases, pipeline, evidence } = context;
    const { copies, source } = await evidence.catalogues();
    const kept = [...copies].filter(([, copy]) => keepsPositions(copy));
    if (kept.length === 0) return notApplicable('the sink keeps no positions');
    const log = await evidence.topicLog();
    if (log !== null && log.problem !== '') throw new Error(log.problem);
    const topics = await pipeline.topics();
    const knownOf = (view: TopicView | null, id: string): KnownPositions | null =>
      view?.positions.get(topics.get(id) ?? '') ?? null;
    await databases.sink();
    const { answers, unread } = await eachTable(kept, async (copy, id) => {
      const key = (source.get(id)?.key ?? []).map((column) => column.name);
      return await unexplained(await databases.sink(), copy, key, knownOf(log, id));
    });
    const suspected = [...answers].filter(([, { suspects }]) => suspects.length > 0);
    // A sample without a suspect, or positions that are not known, clear nobody.
    const isKnown = (view: TopicView | null, id: string): boolean =>
      view === null || knownOf(view, id) !== null;
    for (const [id, { suspects, isSample }] of answers)
      if (suspects.length === 0 && !isSample && isKnown(log, id)) hasNone(context, subjectOf(id));
    // A row that was written since the topics were read has its event in the topic by now.
    const later = suspected.length === 0 || log === null ? null : await log.again();
    if (later !== null && later.problem !== '') throw new Error(later.problem);
    const findings: Finding[] = [];
    const history: string[] = [];
    for (const [id, { suspects, more }] of suspected) {
      const known = knownOf(later, id);
      const left = suspects.filter(({ position }) => position === null || !isExplained(position, known));
      if (left.length + more === 0) {
        if (isKnown(later, id)) hasNone(context, subjectOf(id));
        continue;
      }
      const found = report(id, left, more);
      const fault = { subject: subjectOf(id), ids: left.map(idOf), times: left.map(timeOf), table: id };
      if (more === 0 && (await isHistory(context, { ...fault, handledIn: topics.get(id) ?? null })))
        history.push(asHistory(found.detail));
      else findings.push(found);
    }
    const rows = [...answers.values()].reduce((sum, seen) => sum + seen.rows, 0);
    const unknown = [...answers.keys()].filter((id) => knownOf(log, id) === null);
    const details = [
      ...(findings.length > 0
        ? findings.map((one) => one.detail)
        : [
            `${countOfText(rows, 'row')}, each written by an event${history.length > 0 ? ' or told as history' : ''}`,
          ]),
      ...history,
      ...(unknown.length === 0 ? [] : [`the events of ${unknown.join(', ')} are not all known`]),
    ];
    const verdict = findings.length > 0 ? 'FAIL' : 'PASS';
    return withUnread(name, { verdict, detail: details.join('; '), findings }, unread);
  }),
} satisfies Check;

function subjectOf(id: string): string {
  return `${name} ${id}`;
}

/** A row whose position no record explains. */
interface Suspect {
  readonly position: string | null;
  /** The transaction that wrote it: `xmin`. Null in a view. */
  readonly writer: string | null;
  readonly key: Example['key'];
}

function idOf({ position, key }: Suspect): string {
  return hashOf([position, Object.values(key)]);
}

/** Written again, as by an application that goes on writing, a foreign row has the same id. */
function timeOf({ position, writer, key }: Suspect): string {
  return hashOf([position, Object.values(key), writer]);
}

function hashOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}

interface Unexplained {
  readonly rows: number;
  /** Other rows of the table were not looked at. */
  readonly isSample: boolean;
  readonly suspects: readonly Suspect[];
  /** Suspects beyond {@link MOST_SUSPECTS}. */
  readonly more: number;
}

/** A sample that has a suspect is not enough: which rows are foreign is then read from the whole table. */
async function unexplained(
  sink: Database,
  copy: Table,
  key: readonly string[],
  known: KnownPositions | null,
): Promise<Unexplained> {
  const share = (SAMPLED_ABOVE_ROWS / copy.estimatedRows) * 100;
  const isSampled = copy.estimatedRows > SAMPLED_ABOVE_ROWS && copy.view === undefined;
  const whole = async () => ({ ...(await scan(sink, copy, { key, known, sample: '' })), isSample: false });
  if (!isSampled) return await whole();
  const sampled = await scan(sink, copy, { key, known, sample: `TABLESAMPLE SYSTEM (${share})` });
  return sampled.suspects.length === 0 ? { ...sampled, isSample: true } : await whole();
}

async function scan(
  sink: Database,
  copy: Table,
  how: { readonly key: readonly string[]; readonly known: KnownPositions | null; readonly sample: string },
): Promise<Omit<Unexplained, 'isSample'>> {
  const shown = how.key.filter((column) => copy.columns.some((own) => own.name === column));
  const keys = shown.map((column, i) => `, ${ident(column)}::text AS "k${i}"`).join('');
  const sql =
    `SELECT ${ident(METADATA_COLUMNS.position)} AS position, t.xmin::text AS writer${keys} ` +
    `FROM ${relationOf(copy)} AS t ${how.sample}`;
  const suspects: Suspect[] = [];
  let [rows, more] = [0, 0];
  await sink.snapshot(async () => {
    for await (const row of sink.stream('verifier_positions', sql, [])) {
      rows++;
      const position = row.position ?? null;
      if (position !== null && isExplained(position, how.known)) continue;
      if (suspects.length >= MOST_SUSPECTS) {
        more++;
        continue;
      }
      suspects.push({
        position,
        writer: row.writer ?? null,
        key: Object.fromEntries(shown.map((column, i) => [column, row[`k${i}`] ?? null])),
      });
    }
  });
  return { rows, suspects, more };
}

/** A row also counts as explained if not all positions are known, or if it is older than the topic's records. */
function isExplained(position: string, known: KnownPositions | null): boolean {
  if (known === null || known.oldest === null || position < known.oldest) return true;
  return known.has(position) !== false;
}

function report(table: string, rows: readonly Suspect[], more: number): Finding {
  const examples = rows.slice(0, MAX_EXAMPLES).map(({ position, key }): Example => {
    const detail =
      position === null ? 'it has no position' : `no record of the topic has the position ${position}`;
    return { key, columns: [], detail };
  });
  const first = examples[0] ?? null;
  const count = rows.length + more;
  const detail = `${countText(count)} rows of ${table} were written by no event: ${first?.detail ?? ''}`;
  const about = { check: name, class: 'foreign', verdict: 'FAIL', table, hop: 'sink', detail } as const;
  return finding({ ...about, count, first, examples });
}
