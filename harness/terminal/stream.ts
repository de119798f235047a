/** Prose is easier to read in lines of this many characters than across a wide window. */
const MOST_PROSE = 120;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Whether a stream gets colours. In this order: `--no-color`, NO_COLOR (any text), FORCE_COLOR (any text but 0 and
 * false), and then whether it is a terminal that knows them. Python has the same order:
 * https://docs.python.org/3/using/cmdline.html#using-on-controlling-color
 */
export function wantsColor(isAllowed: boolean, env: Env, isTty: boolean): boolean {
  if (!isAllowed || (env.NO_COLOR ?? '') !== '') return false;
  const forced = env.FORCE_COLOR ?? '';
  if (forced !== '') return forced !== '0' && forced !== 'false';
  return isTty && env.TERM !== 'dumb';
}

/** Characters in a line of the stream; infinite if it is not a terminal, because then no line is broken. */
export function widthOf(stream: NodeJS.WritableStream): number {
  const { isTTY, columns } = stream as Partial<NodeJS.WriteStream>;
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}

/** The width for sentences. */
export function proseWidth(width: number): number {
  return Number.isFinite(width) ? Math.min(width, MOST_PROSE) : width;
}
