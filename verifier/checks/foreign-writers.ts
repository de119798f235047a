import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import { keepsPositions } from '../observe/sink/sink-sums.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import type { KnownPositions } from '../observe/topic/topic-log.ts';
import { type Example, type Finding, finding, MAX_EXAMPLES } from '../report.ts';

const name = 'foreign-writers';
/** Larger tables are sampled. */
const SAMPLED_ABOVE_ROWS = 50_000;

/**
 * Rows of the sink that the pipeline did not write: they have no position of an event, or one that no record of the
 * topic has. If their values are right, that is luck, as when an application writes to both databases.
 */
export default {
  name,
  describe: 'Every row of the sink was written by an event of its topic.',
  needsFence: true,
  async run({ databases, pipeline, evidence }): Promise<CheckResult> {
    const { copies, source } = await evidence.catalogues();
    const kept = [...copies].filter(([, copy]) => keepsPositions(copy));
    if (kept.length === 0) return notApplicable('the sink keeps no positions');
    const log = await evidence.topicLog();
    if (log !== null && log.problem !== '') throw new Error(log.problem);
    const topics = await pipeline.topics();
    const suspects = new Map<string, readonly Suspect[]>();
    const unknown: string[] = [];
    let rows = 0;
    for (const [id, copy] of kept) {
      const known = log?.positions.get(topics.get(id) ?? '') ?? null;
      if (known === null) unknown.push(id);
      const key = (source.get(id)?.key ?? []).map((column) => column.name);
      const seen = await unexplained(await databases.sink(), copy, key, known);
      rows += seen.rows;
      if (seen.suspects.length > 0) suspects.set(id, seen.suspects);
    }
    // A row that was written since the topics were read has its event in the topic by now.
    const later = suspects.size === 0 || log === null ? null : await log.again();
    if (later !== null && later.problem !== '') throw new Error(later.problem);
    const findings = [...suspects].flatMap(([id, own]): Finding[] => {
      const known = later?.positions.get(topics.get(id) ?? '') ?? null;
      const left = own.filter(({ position }) => position === null || !isExplained(position, known));
      return left.length === 0 ? [] : [report(id, left)];
    });
    if (findings.length > 0) {
      return { verdict: 'FAIL', detail: findings.map((one) => one.detail).join('; '), findings };
    }
    const part = unknown.length === 0 ? '' : `; the events of ${unknown.join(', ')} are not all known`;
    return pass(`${rows} rows, each written by an event${part}`);
  },
} satisfies Check;

/** A row whose position no record explains. */
interface Suspect {
  readonly position: string | null;
  readonly key: Example['key'];
}

async function unexplained(
  sink: Database,
  copy: Table,
  key: readonly string[],
  known: KnownPositions | null,
): Promise<{ readonly rows: number; readonly suspects: readonly Suspect[] }> {
  const share = (SAMPLED_ABOVE_ROWS / copy.estimatedRows) * 100;
  const isSampled = copy.estimatedRows > SAMPLED_ABOVE_ROWS && copy.view === undefined;
  const sample = isSampled ? `TABLESAMPLE SYSTEM (${share})` : '';
  const shown = key.filter((column) => copy.columns.some((own) => own.name === column));
  const keys = shown.map((column, i) => `, ${ident(column)}::text AS "k${i}"`).join('');
  const sql = `SELECT ${ident(METADATA_COLUMNS.position)} AS position${keys} FROM ${relationOf(copy)} AS t ${sample}`;
  const suspects: Suspect[] = [];
  let rows = 0;
  await sink.snapshot(async () => {
    for await (const row of sink.stream('verifier_positions', sql, [])) {
      rows++;
      const position = row.position ?? null;
      if (position !== null && isExplained(position, known)) continue;
      suspects.push({
        position,
        key: Object.fromEntries(shown.map((column, i) => [column, row[`k${i}`] ?? null])),
      });
    }
  });
  return { rows, suspects };
}

/** A row also counts as explained if not all positions are known, or if it is older than the topic's records. */
function isExplained(position: string, known: KnownPositions | null): boolean {
  if (known === null || known.oldest === null || position < known.oldest) return true;
  return known.has(position) !== false;
}

function report(table: string, rows: readonly Suspect[]): Finding {
  const examples = rows.slice(0, MAX_EXAMPLES).map(({ position, key }): Example => {
    const detail =
      position === null ? 'it has no position' : `no record of the topic has the position ${position}`;
    return { key, columns: [], detail };
  });
  const first = examples[0] ?? null;
  const detail = `${rows.length} rows of ${table} were written by no event: ${first?.detail ?? ''}`;
  const about = { check: name, class: 'foreign', verdict: 'FAIL', table, hop: 'sink', detail } as const;
  return finding({ ...about, count: rows.length, first, examples });
}
