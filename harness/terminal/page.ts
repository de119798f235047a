/**
 * `harness/terminal`: how text is laid out for people: colours, widths, columns, words for a shell.
 * In: a stream, the environment, sentences and cells.
 * Out: lines that fit the terminal that the stream is.
 * Promises: no word is broken; what is not a terminal gets neither line breaks nor colours, unless FORCE_COLOR asks.
 */

import { Chalk } from 'chalk';

export type Paint = InstanceType<typeof Chalk>;

/** Where text is drawn. */
export interface Page {
  readonly paint: Paint;
  /** Characters in a line; infinite where lines are not broken. */
  readonly width: number;
}

/** Colours, or none: the sixteen that every terminal has are enough here. */
export function painter(color: boolean): Paint {
  return new Chalk({ level: color ? 1 : 0 });
}
