import { expect, test } from 'vitest';
import { whyNoExpression } from './sql-expression.ts';

test.each([
  "id IN ('a', 'it''s)', E'\\')', $$)$$, $t$ ' ( $$ $t$)",
  '("N", "odd "" ) name") IN ((1, 2))',
  "tags[1] = 'x' AND (a OR (b AND c))",
  "e'\\\\' = name AND a$1 = a$b$c",
  "note = ';--/*'",
  "some_e'text' = x",
])('%s is accepted: it stays within its parentheses', (text) => {
  expect(whyNoExpression(text)).toBeNull();
});

test.each([
  ['', 'empty'],
  ['  \n', 'empty'],
  ['true) OR (true', 'brackets'],
  ['(true', 'brackets'],
  ['a[1)', 'brackets'],
  ["name = 'x", 'quote'],
  ["name = E'x\\'", 'quote'],
  ['"name', 'quote'],
  ['a = $t$ x $$', 'quote'],
  ['true; DROP TABLE item', 'semicolon'],
  ['true -- the rest', 'comment'],
  ['true /* ) */', 'comment'],
  // A backslash does not escape the end of a plain quote.
  ["name = '\\' OR true) OR ('x", 'brackets'],
  ['id = 1\0', 'zero byte'],
  ['id = $1', 'parameter'],
  ['id IN ($12)', 'parameter'],
])('%j is refused: %s', (text, why) => {
  expect(whyNoExpression(text)).toContain(why);
});
