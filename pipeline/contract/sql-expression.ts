/**
 * Why a text cannot be put in parentheses as one SQL expression; null if it can. Only its characters are checked: it
 * must close every quote and bracket that it opens, and no other, so that it cannot reach beyond the parentheses. The
 * server decides whether it is a condition.
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

/** End of the quoted text that starts at `at`: `at` itself if none starts there, null if it has no end. */
function quotedAt(text: string, at: number): number | null {
  const character = text[at];
  if (character === '"') return behind(text, at + 1, '"', false);
  // E'…' has backslash escapes, if the E is not the end of a longer word.
  if (character === "'") return behind(text, at + 1, "'", /(^|\W)e$/i.test(wordsBefore(text, at)));
  // $tag$ must not be part of a name.
  if (character !== '$' || /\w$/.test(wordsBefore(text, at))) return at;
  DOLLAR.lastIndex = at;
  const tag = DOLLAR.exec(text)?.[0];
  if (tag === undefined) return at;
  const end = text.indexOf(tag, at + tag.length);
  return end < 0 ? null : end + tag.length;
}

const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** The two characters before `at`, with every character that may be part of a PostgreSQL name as a letter. */
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
