import type { CliContext } from './context.ts';

/** Where the terminal's width is not known. */
const USUAL_WIDTH = 100;
const MOST_WIDTH = 120;

/** Characters in a line of stderr, which is where people read. */
export function widthOf({ stderr }: Pick<CliContext, 'stderr'>): number {
  const columns = 'columns' in stderr && typeof stderr.columns === 'number' ? stderr.columns : USUAL_WIDTH;
  return Math.min(columns, MOST_WIDTH);
}
