import type { Column } from '../../observe/source/catalogue.ts';
import { decide } from './decide.ts';
import type { Decision } from './type-rule.ts';

/** Names of types as a column shows them, by their names in the catalogue. Others have one name. */
const CASTS: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
};

/** Types of the page, with a length if it decides. */
const NAMES: readonly string[] = [
  ...[
    'int2',
    'int4',
    'int8',
    'oid',
    'numeric',
    'numeric(12,2)',
    'numeric(14,4)',
    'float4',
    'float8',
    'money',
  ],
  ...[
    'bool',
    'bit(1)',
    'bit(8)',
    'varbit',
    'text',
    'varchar',
    'varchar(9)',
    'bpchar(5)',
    'bpchar(9)',
    'name',
    'citext',
  ],
  ...[
    'char',
    'uuid',
    'bytea',
    'date',
    'timestamp',
    'timestamp(3)',
    'timestamptz',
    'time',
    'timetz',
    'interval',
  ],
  ...[
    'json',
    'jsonb',
    'hstore',
    'xml',
    'inet',
    'cidr',
    'macaddr',
    'macaddr8',
    'int4range',
    'int8range',
    'numrange',
  ],
  ...['tsvector', 'point', 'enum', 'another enum', '_int4', '_int8', '_numeric', '_text'],
];

const HEAD = `# Which types can be compared

Generated from \`verifier/compare/types/type-pairs.ts\` by \`UPDATE_DOCS=1 npx vitest run --project unit type-pairs-page\`.

For each type of a column at the source: the types that its copy may have, and when two values count as equal. The rule is SQL
that both servers run. It brings the values of both sides to one text, and only the texts are compared. A column that only
one side generates is compared like any other. What a capture's settings change on purpose is in [verify.md](verify.md).

- **lossless**: the copy's type holds every value. A difference is a wrong row, and equal values are PASS.
- **lossy**: the copy's type may not hold every value. A value that lost something is a wrong row, and FAIL. As long as no value
  of the table lost anything, the column is a WARN.
- Any other pair is **not comparable**: the column is left out of the comparison, and the verdict is INCONCLUSIVE. A table whose
  key has such a pair is not compared at all.

The same type on both sides is compared as it is. The same type with another length, precision or scale is lossless if the copy's
is not smaller. Of the types below, \`numeric\` and \`char(n)\` then have a rule; the others are compared as they are. \`bpchar\` is
\`char\` as the catalogue calls it. An array is compared with another array by the rule of its elements, which must have the same
order and bounds. Any type whose row is not listed prints its values into texts, as \`point\` does.
`;

/** The page `docs/type-pairs.md`. */
export function typePairsPage(): string {
  const sections = NAMES.map((name) => {
    const rows = rowsOf(name);
    return rows.length === 0
      ? ''
      : `## ${shown(name).replace(/^(.*)\[\]$/, 'array of $1')}\n\n| copy | decision | equal if |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  const shownSections = sections.filter((section) => section !== '');
  const contents = shownSections.map((section) => {
    const title = /^## (.*)$/m.exec(section)?.[1] ?? '';
    const anchor = title.replaceAll(/[^a-z0-9 _-]/g, '').replaceAll(' ', '-');
    return `- [${title}](#${anchor})`;
  });
  return [HEAD, `${contents.join('\n')}\n`, ...shownSections].join('\n');
}

/** One row for all types of the sink that have the same decision and rule. */
function rowsOf(name: string): readonly string[] {
  const rows = NAMES.filter((other) => other !== name).flatMap((other) => {
    const row = rowOf(decide(columnOf(name), columnOf(other)));
    return row === null ? [] : [{ other, row }];
  });
  return [...Map.groupBy(rows, ({ row }) => row)].map(
    ([row, own]) => `| ${own.map(({ other }) => shown(other)).join(', ')} | ${row} |`,
  );
}

function rowOf(decision: Decision): string | null {
  if (decision.tag === 'same' || decision.tag === 'incomparable') return null;
  return `${decision.tag} | ${decision.rule?.says ?? 'they are the same'}`;
}

function shown(name: string): string {
  return name.startsWith('_') ? `${name.slice(1)}[]` : name;
}

function columnOf(name: string): Column {
  const type = name.replace(/\(.*/, '');
  const cast = CASTS[type] ?? shown(name);
  const own = { name: 'c', notNull: false, hasDefault: false, keyRank: 0, hashesBytes: true };
  return { ...own, type, cast, kind: name.endsWith('enum') ? 'e' : 'b' };
}
