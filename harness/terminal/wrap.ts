import { textWidth } from './text-width.ts';

/** A blank at which a line may end: not one between a number and its unit, and not one of several. */
const BREAK = /(?<=[^\d\s]) |(?<=\d) (?!(?:ms|s|min|h|[KMGTP]iB|bytes|%)(?!\w))/;

/**
 * The text in lines of at most `width` characters, broken at spaces; all but the first begin with `indent`. A word that
 * is longer than a line is left whole. @param width Infinite: the text is one line.
 */
export function wrap(text: string, width: number, indent = ''): string[] {
  const [first = '', ...words] = text.split(BREAK);
  const lines: string[] = [];
  let line = first;
  let taken = textWidth(first);
  for (const word of words) {
    const more = textWidth(word);
    if (taken + more + 1 > width) {
      lines.push(line);
      line = `${indent}${word}`;
      taken = indent.length + more;
    } else {
      line = `${line} ${word}`;
      taken += more + 1;
    }
  }
  return [...lines, line];
}
