import { expect, it } from 'vitest';
import { splitSql } from './split-sql.ts';

it('splits at semicolons, and drops comments and empty statements', () => {
  expect(splitSql('-- a; note\nBEGIN;\n/* x; /* y; */ z; */ SELECT 1;;\n\nCOMMIT')).toEqual([
    'BEGIN',
    'SELECT 1',
    'COMMIT',
  ]);
});

it.each([
  ["UPDATE t SET a = 'x; y''z; --'", 'a literal'],
  ["UPDATE t SET a = E'it\\'s; so\\\\'", 'a literal with escapes'],
  ['UPDATE "a;b""c;" SET a = 1', 'an identifier'],
  ['SELECT $tag$ a; $x$ ; $tag$', 'a dollar quote'],
  ["UPDATE t SET a = 'COMMIT;\nBEGIN;'", 'lines of a literal'],
  ["SELECT 'a\\'", 'a backslash at the end of a plain literal'],
])('does not split %s: %s', (statement) => {
  expect(splitSql(`${statement}; SELECT 2;`)).toEqual([statement, 'SELECT 2']);
});
