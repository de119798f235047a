/**
 * The elements of a one-dimensional array in PostgreSQL's text form, NULL as null; null where the array has more
 * dimensions than one. Source: PostgreSQL manual, "Array Input and Output Syntax". A lower bound other than 1
 * (`[2:3]={…}`) is left out, as Debezium does.
 *
 * @throws RangeError on text that is no array.
 */
export function parseArray(text: string): (string | null)[] | null {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  if (text[start] !== '{' || !text.endsWith('}')) throw notAnArray();
  const end = text.length - 1;
  const elements: (string | null)[] = [];
  let at = start + 1;
  if (at === end) return elements;
  for (;;) {
    if (text[at] === '{') return null;
    const quoted = text[at] === '"';
    const stop = quoted ? closingQuote(text, at + 1) : bareEnd(text, at, end);
    const raw = text.slice(quoted ? at + 1 : at, stop);
    if (!quoted && raw === '') throw notAnArray();
    elements.push(!quoted && raw === 'NULL' ? null : raw.includes('\\') ? raw.replace(/\\(.)/gs, '$1') : raw);
    at = quoted ? stop + 1 : stop;
    if (at === end) return elements;
    if (text[at] !== ',') throw notAnArray();
    at += 1;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length - 1; at += 1) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at += 1;
  }
  throw notAnArray();
}

function bareEnd(text: string, from: number, end: number): number {
  const comma = text.indexOf(',', from);
  return comma < 0 ? end : comma;
}

/** The text itself is a row's value, and is not repeated. */
function notAnArray(): RangeError {
  return new RangeError('the text is no array of PostgreSQL');
}
