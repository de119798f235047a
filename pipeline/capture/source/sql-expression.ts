/**
 * Why a text cannot stand in parentheses as one SQL expression; null where it can. It is held only to what its
 * characters say: every quote and bracket that it opens it closes, and it closes none that it did not open, so that it
 * cannot reach beyond the parentheses. Whether it is a condition is for the server to say.
 */
export function whyNoExpression(text: string): string | null {
  if (text.trim() === '') return 'it is empty';
  if (text.includes('\0')) return 'it holds a zero byte';
  const open: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quoted = quotedAt(text, at);
    if (quoted === null) return 'a quote in it is not closed';
    if (quoted > at) {
      at = quoted;
      continue;
    }
    const character = text[at] ?? '';
    const two = text.slice(at, at + 2);
    if (two === '--' || two === '/*') return 'it holds a comment';
    if (character === ';') return 'it holds a semicolon';
    if (/^\$\d/.test(two) && !/\w$/.test(wordsBefore(text, at))) return 'it holds a parameter';
    const closing = BRACKETS[character];
    if (closing !== undefined) open.push(closing);
    else if (CLOSING.has(character) && open.pop() !== character) return 'its brackets do not match';
    at++;
  }
  return open.length === 0 ? null : 'its brackets do not match';
}

const BRACKETS: Readonly<Record<string, string>> = { '(': ')', '[': ']' };
const CLOSING = new Set(Object.values(BRACKETS));

/** Where the quoted text ends that begins there: the same place where none does, null where it does not end. */
function quotedAt(text: string, at: number): number | null {
  const character = text[at];
  if (character === '"') return behind(text, at + 1, '"', false);
  // E'…' knows backslashes; the E is no part of a longer word.
  if (character === "'") return behind(text, at + 1, "'", /(^|\W)e$/i.test(wordsBefore(text, at)));
  // $tag$ is no part of a name either.
  if (character !== '$' || /\w$/.test(wordsBefore(text, at))) return at;
  DOLLAR.lastIndex = at;
  const tag = DOLLAR.exec(text)?.[0];
  if (tag === undefined) return at;
  const end = text.indexOf(tag, at + tag.length);
  return end < 0 ? null : end + tag.length;
}

const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** The two characters before; those that PostgreSQL takes for a part of a name as letters. */
function wordsBefore(text: string, at: number): string {
  return text.slice(Math.max(0, at - 2), at).replaceAll(/[$\u0080-\uffff]/g, 'x');
}

function behind(text: string, from: number, quote: string, backslashes: boolean): number | null {
  for (let at = from; at < text.length; at++) {
    if (backslashes && text[at] === '\\') at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return null;
}
