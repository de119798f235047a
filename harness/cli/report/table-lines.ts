import type { Report, TableReport } from '../../../verifier/report.ts';
import { countText } from '../../../verifier/units.ts';
import { columns } from '../../terminal/columns.ts';
import type { Page } from '../../terminal/page.ts';
import { paintVerdict } from '../../terminal/paint-verdict.ts';
import { visible } from '../../terminal/text-width.ts';

/** More wrong tables than this are only counted, unless all are asked for. */
const MOST_TABLES = 20;
const HEAD = ['TABLE', 'SOURCE', 'SINK', 'VERDICT', ''];
const WRONG = ['missing', 'extra', 'stale', 'corrupted', 'duplicates', 'orphans'] as const;

/** The wrong tables; with `verbose` all of them, the wrong ones on top. */
export function tableLines({ tables }: Report, page: Page, verbose: boolean): string[] {
  const wrong = tables.filter(({ verdict }) => verdict !== 'PASS');
  const right = tables.filter(({ verdict }) => verdict === 'PASS');
  const shown = verbose ? [...wrong, ...right] : wrong.slice(0, MOST_TABLES);
  if (shown.length === 0) return [];
  const rows = shown.map((table) => [
    visible(table.table),
    number(table.sourceRows),
    number(table.sinkRows),
    paintVerdict(page.paint, table.verdict),
    stateOf(table),
  ]);
  const left = wrong.length - Math.min(wrong.length, shown.length);
  return [
    ...columns(page, HEAD, rows, { right: [1, 3] }).split('\n'),
    ...(left > 0 ? [`and ${countText(left)} more: --verbose`] : []),
  ];
}

const number = (value: number | null): string => (value === null ? '?' : countText(value));

function stateOf(table: TableReport): string {
  const wrong = WRONG.flatMap((name) => (table[name] > 0 ? [`${countText(table[name])} ${name}`] : []));
  if (table.inFlight > 0) wrong.push(`${countText(table.inFlight)} in flight`);
  if (wrong.length > 0) return wrong.join(', ');
  if (table.checksumEqual === true) return 'equal';
  return table.sourceRows !== null && table.sinkRows === null ? 'no copy in the sink' : 'not compared';
}
