/** The text in lines of at most `width` characters, broken at spaces; all but the first begin with `indent`. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const [first = '', ...words] = text.split(/(?<=\S) /);
  const lines: string[] = [];
  let line = first;
  for (const word of words) {
    if (line.length + word.length + 1 > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = `${line} ${word}`;
  }
  return [...lines, line];
}
