/** What begins a part of SQL in which a semicolon ends nothing: literal, identifier, comment, dollar quote. */
const OPENING = /[eE]?'|"|--|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|;/g;

/**
 * The statements of an SQL file, without comments before them and without their semicolons.
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function splitSql(text: string): string[] {
  const statements: string[] = [];
  let current = '';
  let at = 0;
  while (at < text.length) {
    OPENING.lastIndex = at;
    const match = OPENING.exec(text);
    if (match === null) {
      current += text.slice(at);
      break;
    }
    const [opening] = match;
    current += text.slice(at, match.index);
    const end = endOf(text, opening, match.index);
    if (opening === ';') {
      statements.push(current);
      current = '';
    } else if (opening === '--' || opening === '/*') current += ' ';
    else current += text.slice(match.index, end);
    at = end;
  }
  return [...statements, current].map((one) => one.trim()).filter((one) => one !== '');
}

/** The place behind the part that begins here; the end of the text if it is not closed. */
function endOf(text: string, opening: string, from: number): number {
  const behind = from + opening.length;
  switch (opening) {
    case ';':
      return behind;
    case '--':
      return afterFirst(text, /\n/g, behind);
    case '/*':
      return afterComment(text, behind);
    case '"':
      return afterFirst(text, /(?:[^"]|"")*"(?!")/gy, behind);
    case "'":
      return afterFirst(text, /(?:[^']|'')*'(?!')/gy, behind);
    case "e'":
    case "E'":
      return afterFirst(text, /(?:[^'\\]|\\[\s\S]|'')*'(?!')/gy, behind);
    default: {
      const closing = text.indexOf(opening, behind);
      return closing < 0 ? text.length : closing + opening.length;
    }
  }
}

function afterFirst(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : text.length;
}

/** Comments nest. */
function afterComment(text: string, from: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 1;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return text.length;
}
