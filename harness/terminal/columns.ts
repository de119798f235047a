import Table from 'cli-table3';
import type { Page } from './page.ts';
import { textWidth } from './text-width.ts';
import { wrap } from './wrap.ts';

const GAP = '  ';
/** Where less than this is left for the last column, it goes below its row. */
const LEAST_LAST = 24;
const BELOW = '    ';

const NO_RULES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

export interface ColumnOptions {
  /** The first column of numbers, which go to the right, and the first one behind them. */
  readonly right?: readonly [from: number, to: number];
}

/**
 * Columns without rules, so that `awk` and people can read them. All but the last are as wide as their widest cell; the
 * last is broken at spaces where the page ends, and goes on below itself. (The wrapping of cli-table3 breaks words.)
 */
export function columns(
  { paint, width }: Page,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { right: [from, to] = [head.length, head.length] }: ColumnOptions = {},
): string {
  const last = head.length - 1;
  const fixed = head.slice(0, -1).reduce((sum, name, index) => {
    const cells = rows.map((row) => widestLine(row[index] ?? ''));
    return sum + Math.max(textWidth(name), ...cells) + GAP.length;
  }, 0);
  const laid = rows.map((row) => layOut(row, last, { room: width - fixed, width }));
  const table = new Table({
    head: head.map((name) => paint.dim(name)),
    colAligns: head.map((_, index) => (index >= from && index < to ? 'right' : 'left')),
    chars: NO_RULES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const { cells } of laid) table.push([...cells]);
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const own = (count: number): string[] => lines.splice(0, count);
  return [...own(1), ...laid.flatMap(({ height, below }) => [...own(height), ...below])].join('\n');
}

interface LaidOut {
  readonly cells: readonly string[];
  /** Lines that the cells take. */
  readonly height: number;
  /** Lines of the last cell, where there is no room beside the others. */
  readonly below: readonly string[];
}

function layOut(
  row: readonly string[],
  last: number,
  { room, width }: { readonly room: number; readonly width: number },
): LaidOut {
  const text = row[last] ?? '';
  const isBelow = room < LEAST_LAST && last > 0 && widestLine(text) > room;
  const lines = text.split('\n');
  const broken = isBelow ? [''] : lines.flatMap((line) => wrap(line, room));
  const cells = [...row.slice(0, last), broken.join('\n')];
  const height = Math.max(...cells.map((cell) => cell.split('\n').length));
  return {
    cells,
    height,
    below: isBelow ? lines.flatMap((line) => wrap(`${BELOW}${line}`, width, BELOW)) : [],
  };
}

function widestLine(cell: string): number {
  return Math.max(...cell.split('\n').map(textWidth));
}
