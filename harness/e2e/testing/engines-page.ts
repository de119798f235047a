import {
  type EnginePair,
  pairText,
  SINK_ENGINES,
  SINKS,
  SOURCE_ENGINES,
  SOURCES,
} from '../../lab/engines.ts';
import { loadScenario } from '../../plugins/catalogue.ts';
import { forEngines, notRun } from '../../plugins/for-engines.ts';
import { variantOf } from '../../plugins/scenario.ts';
import { describeFinding } from '../../runner/expectation.ts';
import type { NotRun, RunResult, VariantResult } from '../../runner/result.ts';

/** In the order of a workshop. */
export const LESSONS: readonly string[] = [
  'restart',
  'lag',
  'schema-change',
  'duplicate-resnapshot',
  'backfill',
];

export type Row = VariantResult | NotRun;

/** The comparison as a page, from one run for each pair and lesson. */
export async function enginesPage(runs: readonly RunResult[]): Promise<string> {
  const rows: Row[] = runs.flatMap(({ results, notRun = [] }) => [...results, ...notRun]);
  const pairs = SOURCE_ENGINES.flatMap((source) => SINK_ENGINES.map((sink) => ({ source, sink })));
  const parts = [HEAD, await verdictTable(pairs, rows)];
  for (const id of LESSONS) parts.push(await explanation(id, rows));
  parts.push(figures(pairs, rows), SETTINGS(SOURCES.debezium.title, SINKS.jdbc.title));
  return `${parts.join('\n')}\n`;
}

/** A result's engines are those of the lab; the type of its public shape is wider. */
const enginesOf = ({ source, sink }: Row): EnginePair => ({ source, sink }) as EnginePair;
const pairOf = (row: Row): string => pairText(enginesOf(row));

async function verdictTable(pairs: readonly EnginePair[], rows: readonly Row[]): Promise<string> {
  const heads = ['lesson', 'variant', ...pairs.map((pair) => pairText(pair))];
  const scenarios = await Promise.all(LESSONS.map(loadScenario));
  const lines = scenarios.flatMap((scenario) =>
    (['sound', 'naive'] as const).map((variant) => {
      const cells = pairs.map((pair) => {
        const row = rows.find((one) => isOf(one, scenario.id, variant, pair));
        if (row !== undefined) return verdictText(row);
        return notRun(scenario, variant, pair) === null ? 'to be run' : 'not run';
      });
      return `| ${[scenario.id, variant, ...cells].join(' | ')} |`;
    }),
  );
  return [`| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`, ...lines, ''].join('\n');
}

function isOf(row: Row, id: string, variant: string, pair: EnginePair): boolean {
  return row.scenario === id && row.variant === variant && pairOf(row) === pairText(pair);
}

export function verdictText(row: Row): string {
  if (!('verdict' in row)) return 'not run';
  if (row.verdict !== 'FAIL') return row.verdict;
  return `FAIL, ${row.expectedFinding ?? row.findings.map(describeFinding)[0] ?? 'no finding'}`;
}

/** What each pair does and why, from the scenario file, beside what was seen. */
async function explanation(id: string, rows: readonly Row[]): Promise<string> {
  const scenario = await loadScenario(id);
  const lines = rows
    .filter((row) => row.scenario === id)
    .map((row) => {
      const own = variantOf(forEngines(scenario, enginesOf(row)), row.variant);
      const why = 'verdict' in row ? own.because : row.reason;
      return `| ${[pairOf(row), row.variant, verdictText(row), why, seen(row)].join(' | ')} |`;
    });
  if (lines.length === 0) return '';
  const head = ['| engines | variant | verdict | because | seen |', '|---|---|---|---|---|'];
  return [`## ${scenario.title}`, '', ...head, ...lines, ''].join('\n');
}

/** The findings with their counts, or how many events were delivered twice. */
export function seen(row: Row): string {
  if (!('verdict' in row)) return '';
  const failing = row.findings.filter(({ verdict }) => verdict === 'FAIL').map(describeFinding);
  if (failing.length > 0) return failing.slice(0, 2).join('; ') + (failing.length > 2 ? '; …' : '');
  return (row.duplicates.delivered ?? 0) > 0 ? `${row.duplicates.delivered} delivered twice` : '';
}

function figures(pairs: readonly EnginePair[], rows: readonly Row[]): string {
  const lines = pairs.map((pair) => {
    const result = (id: string): VariantResult | undefined => {
      const row = rows.find((one) => isOf(one, id, 'sound', pair));
      return row !== undefined && 'verdict' in row ? row : undefined;
    };
    const restart = result('restart');
    const lag = result('lag');
    const cells = [
      pairText(pair),
      seconds(restart?.recoveryMs),
      String(restart?.duplicates.delivered ?? '–'),
      String(behind(lag) ?? '–'),
      seconds(lag?.recoveryMs),
      drained(lag),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '## Figures',
    '',
    'These are of the sound pipelines above. *Recovered*: from the end of the heal until the slot has confirmed and the consumer',
    'group has committed all that was written by then. Kafka Connect does both on a timer (10 s), so that much of it is',
    'waiting for the report, not for the row.',
    '',
    '| engines | restart: recovered | restart: events delivered twice | lag: events behind | lag: recovered | lag drained, events/s |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

function behind(lag: VariantResult | undefined): number | null {
  const { eventsBehind } = (lag?.proof.evidence['consumer-lag'] ?? {}) as { eventsBehind?: number };
  return eventsBehind ?? null;
}

function drained(lag: VariantResult | undefined): string {
  const events = behind(lag);
  const ms = lag?.recoveryMs ?? null;
  return events === null || ms === null || ms === 0 ? '–' : String(Math.round((events * 1000) / ms));
}

function seconds(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`;
}

const HEAD = `# The five lessons on other engines

Generated by \`npm run engines\`: do not edit. The same scenarios on every pair of source and sink: \`ts\` is this
repository's pipeline, \`debezium\` is Debezium's PostgreSQL connector and \`jdbc\` its JDBC sink, each in a separate Kafka Connect
worker. To run one scenario: \`cdc-lab run restart --source debezium --sink jdbc\`. To look around:
\`cdc-lab up --source debezium --sink jdbc\`.

Each cell is the verdict of a real run. Where it differs from the first column, the engines differ; the tables below say
how. If a sound pipeline gets a FAIL, that is no mistake of this page: that engine behaves so. *not run*: the variant is a defect that
cannot be planted there. *to be run*: the scenario declares it, but the results from which this page was generated lack it;
\`npm run engines\` runs these next.
`;

const SETTINGS = (source: string, sink: string): string => `## What the lab sets, and what it leaves

Source: ${source}. Sink: ${sink}.
Apache Kafka 4.4, and Kafka Connect 4.3 in distributed mode (Debezium 3.6 does not run on Connect 4.4), one worker for each half, so that each can be killed separately. The connectors take the same files as ours (\`fixtures/connectors/\`).

| setting | here | why |
|---|---|---|
| \`offset.flush.interval.ms\` | 10,000 | as in Kafka's own \`config/connect-distributed.properties\`; Connect's default is 60,000. Until then the slot keeps its WAL, and after a crash the records since then are sent again |
| \`heartbeat.interval.ms\` | 1,000 | Debezium confirms a transaction only when a later event arrives: without a heartbeat the slot of an idle database stays one transaction behind. The verifier writes a logical message, so that a heartbeat has something to confirm |
| \`skipped.operations\` | none | Debezium's default is \`t\`: it leaves out every TRUNCATE |
| \`REPLICA IDENTITY FULL\` on \`documents\` | for \`--sink jdbc\` | the JDBC sink writes the placeholder of an unchanged TOAST value (\`__debezium_unavailable_value\`) into the row. With the default identity the verifier finds *corrupted @sink*, column \`body\` |
| \`trend\` of \`documents\` | dropped for \`--sink jdbc\` | JsonConverter reads NaN and the infinities as 0 |
| \`retired_on\` of \`documents\` | dropped for \`--source debezium\` and \`--sink jdbc\` | Debezium's snapshot has a day of the year 1711472 BC in place of an infinite date, and the JDBC sink can bind no such day |
| \`schemas.enable\` | true | the JDBC sink takes its columns' types from the schema in each event |
| \`dedup.mode\` | removed for \`--sink jdbc\` | only the lab's own sink knows it; the JDBC sink has no position guard |
| heap, compiler | 384 MB, C1 | the worker starts quickly; benchmarks use C2 and 1 GB |

Two more things to know. An event that the JDBC sink cannot apply stops its task (3.6 has no errant-record reporter); \`connectors\` then
prints FAILED with the trace. Debezium silently accepts a slot that was dropped and created again.`;
