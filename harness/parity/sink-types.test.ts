// Every type that a sink makes for a column of the source has a rule in the verifier: the lab's own sink under each mode
// of the capture, Debezium's JDBC sink by its documented mapping. PostgreSQL's own replication keeps the type.
import { describe, expect, test } from 'vitest';
import type { EncoderConfig } from '../../pipeline/contract/envelope.ts';
import { column, DEFAULTS } from '../../pipeline/envelope/testing/fixtures.ts';
import { mappingOf } from '../../pipeline/envelope/types/mapping-of.ts';
import { columnTypeOf } from '../../pipeline/sink/bind/column-type.ts';
import { readSchema } from '../../pipeline/sink/decode/connect-schema.ts';
import { pairColumns } from '../../verifier/compare/column-pair.ts';
import type { Column } from '../../verifier/observe/source/catalogue.ts';
import { valueSettingsIn } from '../../verifier/observe/source/value-settings.ts';

/** A column of the source: the type's name and modifier in the catalogue, and the type as a cast names it. */
interface Type {
  readonly name: string;
  readonly modifier: number;
  readonly cast: string;
}

const type = (name: string, cast = name, modifier = -1): Type => ({ name, modifier, cast });

const TYPES: readonly Type[] = [
  ...['oid', 'numeric', 'text', 'char', 'name', 'uuid', 'date', 'interval', 'json', 'jsonb'].map((name) =>
    type(name),
  ),
  ...['bytea', 'xml', 'inet', 'cidr', 'macaddr', 'macaddr8', 'tsvector', 'money', 'point'].map((name) =>
    type(name),
  ),
  ...['int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange'].map((name) => type(name)),
  ...['hstore', 'ltree', 'citext'].map((name) => type(name, `public.${name}`)),
  type('bool', 'boolean'),
  type('int2', 'smallint'),
  type('int4', 'integer'),
  type('int8', 'bigint'),
  type('float4', 'real'),
  type('float8', 'double precision'),
  type('numeric', 'numeric(12,2)', ((12 << 16) | 2) + 4),
  type('varchar', 'character varying'),
  type('varchar', 'character varying(9)', 13),
  type('bpchar', 'character(5)', 9),
  type('time', 'time without time zone'),
  type('time', 'time(3) without time zone', 3),
  type('timetz', 'time with time zone'),
  type('timestamp', 'timestamp without time zone'),
  type('timestamp', 'timestamp(3) without time zone', 3),
  type('timestamptz', 'timestamp with time zone'),
  type('bit', 'bit(1)', 1),
  type('bit', 'bit(8)', 8),
  type('varbit', 'bit varying'),
  type('varbit', 'bit varying(8)', 8),
];

/** Settings of the encoder, and the same as a connector's configuration has them. */
const MODES: readonly (readonly [Partial<EncoderConfig>, Readonly<Record<string, string>>])[] = [
  [{}, {}],
  ...(['double', 'string'] as const).map(
    (mode) => [{ decimals: mode }, { 'decimal.handling.mode': mode }] as const,
  ),
  [{ interval: 'string' }, { 'interval.handling.mode': 'string' }],
  [{ hstore: 'map' }, { 'hstore.handling.mode': 'map' }],
  ...(['hex', 'base64', 'base64-url-safe'] as const).map(
    (mode) => [{ binary: mode }, { 'binary.handling.mode': mode }] as const,
  ),
  ...(['adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'] as const).map(
    (mode) => [{ time: mode }, { 'time.precision.mode': mode }] as const,
  ),
];

/** The name in the catalogue of a type as CREATE TABLE takes it. */
const CATALOGUE: Readonly<Record<string, string>> = {
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  boolean: 'bool',
  'bit varying': 'varbit',
  decimal: 'numeric',
};

function columnOf(cast: string, name = cast, kind = 'b'): Column {
  const base = name.replace(/\[\]$/, '').replace(/\(.*\)/, '');
  const known = CATALOGUE[base] ?? base;
  const isArray = cast.endsWith('[]');
  return {
    ...{ name: 'c', type: isArray ? `_${known}` : known, kind, cast, notNull: false },
    ...{ hasDefault: false, keyRank: 0, hashesBytes: true },
  };
}

function decisionOf(source: Column, sink: Column): string {
  const [pair] = pairColumns([source], [sink]);
  return `${source.cast} > ${sink.cast}: ${pair?.types}`;
}

describe.each(MODES)("the lab's sink under %j", (own, config) => {
  const encoder: EncoderConfig = { ...DEFAULTS, ...own };
  const settings = valueSettingsIn({ 'connector.class': 'x.PostgresConnector', ...config }) ?? undefined;
  test.each(['', '[]'])('has a rule for each type%s', (array) => {
    const undecided = TYPES.flatMap(({ name, modifier, cast }) => {
      const described =
        array === ''
          ? column('c', name, { typeModifier: modifier })
          : column('c', `_${name}`, {
              typeModifier: modifier,
              elementType: { typeOid: 0, typeName: name, typeKind: 'b' },
            });
      const mapping = mappingOf(described, encoder);
      if (mapping === null) return [];
      const made = columnTypeOf(readSchema(JSON.parse(JSON.stringify(mapping.schema))));
      const decision = decisionOf(columnOf(`${cast}${array}`, `${name}${array}`), {
        ...columnOf(made),
        ...(settings === undefined ? {} : { settings }),
      });
      return decision.endsWith('incomparable') ? [decision] : [];
    });
    expect(undecided).toEqual([]);
  });
});

/** Columns that Debezium's JDBC sink makes in PostgreSQL for each type, by the two documentations (3.6). */
const JDBC: readonly (readonly [source: readonly string[], sink: string])[] = [
  [['smallint'], 'smallint'],
  [['integer'], 'integer'],
  [['bigint', 'oid', 'interval'], 'bigint'],
  [['real'], 'real'],
  [['double precision', 'numeric', 'numeric(12,2)'], 'double precision'],
  [['numeric(12,2)'], 'decimal(12,2)'],
  [['money'], 'decimal(19,2)'],
  [['boolean', 'bit(1)'], 'boolean'],
  [['date'], 'date'],
  [['timestamp'], 'timestamp'],
  [['timestamptz'], 'timestamptz'],
  [['time'], 'time'],
  [['time'], 'timestamp'],
  [['timetz'], 'timetz'],
  [['interval'], 'interval'],
  [['bytea'], 'bytea'],
  [['uuid'], 'uuid'],
  [['json', 'jsonb', 'hstore'], 'json'],
  [['xml'], 'xml'],
  [['bit(8)', 'bit varying(8)'], 'bit varying'],
  [
    ['text', 'varchar', 'bpchar(5)', 'name', 'citext', 'ltree', 'inet', 'cidr', 'macaddr', 'macaddr8'],
    'text',
  ],
  [
    ['int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange', 'tsvector', 'xml', 'uuid'],
    'text',
  ],
  [['numeric', 'date', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval', 'bytea'], 'text'],
  [['integer[]'], 'integer[]'],
  [['text[]', 'varchar[]', 'inet[]', 'citext[]'], 'text[]'],
];

test("Debezium's JDBC sink: each documented pair has a rule", () => {
  const decisions = JDBC.flatMap(([sources, sink]) =>
    sources.map((source) => decisionOf(columnOf(source), columnOf(sink))),
  );
  expect(decisions.filter((decision) => decision.endsWith('incomparable'))).toEqual([]);
});
