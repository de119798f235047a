import type { Difference, Listed } from './differences.ts';
import type { VariantOutcome } from './run.ts';

/** The result of all variants. */
export interface Judged {
  readonly rows: readonly {
    readonly variant: string;
    readonly settings: string;
    readonly records: number;
    readonly listed: number;
    readonly unexplained: readonly Difference[];
  }[];
  /** Each listed difference, with the number of fields in which it was seen. */
  readonly listed: readonly { readonly entry: Listed; readonly seen: number }[];
}

/** Divides differences into listed and unexplained ones. */
export function judge(outcomes: readonly VariantOutcome[], list: readonly Listed[]): Judged {
  const seen = new Map<Listed, number>(list.map((entry) => [entry, 0]));
  const rows = outcomes.map(({ variant, records, differences }) => {
    const unexplained = differences.filter((difference) => {
      const entry = list.find(({ covers }) => covers(difference));
      if (entry !== undefined) seen.set(entry, (seen.get(entry) ?? 0) + 1);
      return entry === undefined;
    });
    return {
      variant: variant.name,
      settings: settingsOf(variant.config),
      records,
      listed: differences.length - unexplained.length,
      unexplained,
    };
  });
  return { rows, listed: [...seen].map(([entry, count]) => ({ entry, seen: count })) };
}

function settingsOf(config: Readonly<Record<string, string>>): string {
  return Object.entries(config)
    .filter(([key]) => key !== 'key.converter.schemas.enable')
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

/** The unexplained differences, one line each. */
export function unlisted({ rows }: Judged): string[] {
  return rows
    .flatMap(({ unexplained }) => unexplained)
    .map((difference) => `${difference.variant}: ${describeDifference(difference)}`);
}

/** One line for people and logs. */
export function describeDifference({ topic, index, op, path, ours, theirs }: Difference): string {
  const text = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 120);
  return `${topic.replace('PREFIX.', '')}[${index}] ${op} ${path}: ours ${text(ours)}, Debezium ${text(theirs)}`;
}

const BEGIN = '<!-- measured: begin -->';
const END = '<!-- measured: end -->';

/** The page with a new measured part. @throws Error if the page does not mark that part. */
export function withMeasured(page: string, judged: Judged): string {
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the page lacks ${BEGIN} or ${END}`);
  return `${page.slice(0, start + BEGIN.length)}\n\n${measured(judged)}\n${page.slice(end)}`;
}

function measured({ rows, listed }: Judged): string {
  const table = (head: readonly string[], lines: readonly (readonly (string | number)[])[]) =>
    [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const total = (of: (row: Judged['rows'][number]) => number) => rows.reduce((sum, row) => sum + of(row), 0);
  const lines = rows.map((row) => [
    row.variant,
    row.settings,
    row.records,
    row.listed,
    row.unexplained.length,
  ]);
  const sum = [
    '**all**',
    '',
    total((r) => r.records),
    total((r) => r.listed),
    total((r) => r.unexplained.length),
  ];
  return [
    table(['variant', 'settings', 'records', 'listed differences', 'not listed'], [...lines, sum]),
    '',
    'Listed differences, and in how many fields each was seen:',
    '',
    table(
      ['difference', 'why', 'fields'],
      listed.map(({ entry, seen }) => [entry.what, entry.why, seen]),
    ),
    '',
  ].join('\n');
}
