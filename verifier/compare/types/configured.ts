import type { Column } from '../../observe/source/catalogue.ts';
import type { ValueSettings } from '../../observe/source/value-settings.ts';
import * as text from './canonical.ts';
import type { ToText, TypeRule } from './type-rule.ts';

// Values that a setting of the capture changes on purpose, as Debezium's documentation of its PostgreSQL connector says.
// Each conversion computes, from the source's value, the one that the copy must then have: any other is wrong.

/** What a setting of the capture does to the values of a column. */
export interface Conversion {
  /** As a configuration has it: `interval.handling.mode=numeric`. */
  readonly setting: string;
  /** What it does, and what would keep the value; null if it writes every value in full, only in another form. */
  readonly change: string | null;
  /** Brings the converted value of the source and the copy's value to the same text. */
  readonly rule: TypeRule;
  /** The text that the copy would have if it had the value unchanged. */
  readonly unchanged: ToText;
}

type Own = Omit<Conversion, 'rule' | 'unchanged'> & {
  readonly source: ToText;
  readonly sink?: ToText;
  readonly unchanged?: ToText;
};

/** What the capture's settings do to the values of a column on their way into its copy; null if they keep all of them. */
export function conversionOf(source: Column, sink: Column, settings: ValueSettings): Conversion | null {
  if (source.kind !== 'b' && !source.type.startsWith('_')) return null;
  const own = source.type.startsWith('_')
    ? ofArray(source, sink, settings)
    : ofScalar(source, sink, settings);
  if (own === null) return null;
  const { setting, change } = own;
  const theirs = own.sink ?? asText;
  const says = `the copy has what ${setting} makes of the value`;
  const castable = source.type === 'numeric' && sink.type === 'numeric';
  return {
    ...{ setting, change, rule: { says, source: own.source, sink: theirs, castable } },
    unchanged: own.unchanged ?? theirs,
  };
}

const asText: ToText = (at) => `(${at})::text`;

function ofScalar(source: Column, sink: Column, settings: ValueSettings): Own | null {
  switch (source.type) {
    case 'interval':
      return settings.interval === 'numeric' ? intervalIn(sink) : null;
    case 'numeric':
      return numericIn(source, sink, settings);
    case 'timetz':
      return timetzIn(sink);
    case 'varbit':
      return varbitIn(source, sink);
    case 'time':
    case 'timestamp':
      return timeIn(source, sink, settings);
    case 'bytea':
      return byteaIn(sink, settings);
    default:
      return null;
  }
}

/** The same arithmetic as Debezium's, in doubles: `(long) (seconds * 1e6)`, with a month of 365.25 / 12 days. */
const averageMonths: ToText = (at) => {
  const part = (name: string) => `extract(${name} FROM ${at})::float8`;
  const days = `((${part('year')} * 12 + ${part('month')}) * 30.4375::float8 + ${part('day')})`;
  const seconds = `(((${days} * 24 + ${part('hour')}) * 60 + ${part('minute')}) * 60 + ${part('second')})`;
  return `CASE WHEN isfinite(${at}) THEN (SELECT CASE
      WHEN micros >= 9223372036854775807::float8 THEN '9223372036854775807'
      WHEN micros <= -9223372036854775808::float8 THEN '-9223372036854775808'
      ELSE trunc(micros)::int8::text END
    FROM (SELECT ${seconds} * 1e6::float8 AS micros) AS counted) ELSE (${at})::text END`;
};

function intervalIn(sink: Column): Own | null {
  if (sink.type !== 'interval' && sink.type !== 'int8') return null;
  return {
    setting: 'interval.handling.mode=numeric',
    change: 'a month becomes 30.4375 days; interval.handling.mode=string keeps it',
    source: averageMonths,
    sink: text.microseconds,
  };
}

function numericIn(source: Column, sink: Column, { decimals }: ValueSettings): Own | null {
  if (decimals === 'precise' && source.cast === 'numeric' && sink.cast === 'numeric') {
    const trimmed: ToText = (at) => `trim_scale(${at})::text`;
    return {
      setting: 'decimal.handling.mode=precise',
      change: 'zeros at the end of the fraction are lost; decimal.handling.mode=string keeps them',
      source: trimmed,
      // PostgreSQL's equality ignores these zeros: in a key they do not make another row.
      sink: source.keyRank > 0 ? trimmed : asText,
      unchanged: asText,
    };
  }
  if (decimals !== 'double' || !['numeric', 'float8'].includes(sink.type)) return null;
  if (sink.type === 'numeric' && ![source.cast, 'numeric'].includes(sink.cast)) return null;
  const float = { ...source, type: 'float8' };
  return {
    setting: 'decimal.handling.mode=double',
    change: 'digits beyond those of a double are lost; decimal.handling.mode=string keeps them',
    source: (at) => {
      const nearest = text.number(`((${at})::float8)`, float);
      return sink.type === 'numeric' ? `trim_scale((${nearest})::${sink.cast})::text` : nearest;
    },
    sink: text.number,
  };
}

function timetzIn(sink: Column): Own | null {
  if (sink.type !== 'timetz' && sink.type !== 'time') return null;
  return {
    setting: "Debezium's form of timetz",
    change: 'the time becomes UTC, without its zone; no setting keeps it',
    source: (at, column) => text.timeOfDay(`(${at} AT TIME ZONE 'UTC')`, column),
    sink: text.timeOfDay,
  };
}

/** The copy is filled up to the source's length, if it has one. */
function varbitIn(source: Column, sink: Column): Own | null {
  if (sink.type !== 'varbit') return null;
  const length = /\((\d+)\)/.exec(source.cast)?.[1];
  const bits: ToText = (at) => `ltrim((${at})::text, '0')`;
  return {
    setting: "Debezium's form of varbit",
    change: 'the length is lost, with zeros in front; no setting keeps it',
    source: length === undefined ? bits : (at, column) => `lpad(${bits(at, column)}, ${length}, '0')`,
  };
}

function timeIn(source: Column, sink: Column, { time }: ValueSettings): Own | null {
  if (sink.type !== source.type) return null;
  if (time === 'connect') {
    const millis: ToText = (at) => `date_trunc('milliseconds', ${at})`;
    return {
      setting: 'time.precision.mode=connect',
      change: 'microseconds are cut; time.precision.mode=adaptive keeps them',
      source: (at, column) =>
        source.type === 'timestamp'
          ? `${millis(at, column)}::text`
          : `CASE WHEN ${at} = '24:00' THEN (${at})::text ELSE ${millis(at, column)}::time::text END`,
    };
  }
  if (time !== 'isostring' || source.type !== 'time') return null;
  return {
    setting: 'time.precision.mode=isostring',
    change: '24:00 becomes 00:00; time.precision.mode=adaptive keeps it',
    source: (at) => `CASE WHEN ${at} = '24:00' THEN '00:00:00' ELSE (${at})::text END`,
  };
}

/** A text of these forms does not say which of them it has: `ff00` may be hexadecimal or base64. The setting does. */
function byteaIn(sink: Column, { binary }: ValueSettings): Own | null {
  if (!['text', 'varchar'].includes(sink.type) || sink.cast.includes('(')) return null;
  const base64: ToText = (at) => `translate(encode(${at}, 'base64'), E'\\n', '')`;
  const forms: Readonly<Record<string, ToText>> = {
    hex: (at) => `encode(${at}, 'hex')`,
    base64,
    'base64-url-safe': (at, column) => `translate(${base64(at, column)}, '+/', '-_')`,
  };
  const form = forms[binary];
  return form === undefined
    ? null
    : { setting: `binary.handling.mode=${binary}`, change: null, source: form, unchanged: form };
}

/** An array's bounds are lost under every setting; its elements are converted as a column of their type is. */
function ofArray(source: Column, sink: Column, settings: ValueSettings): Own | null {
  if (!sink.type.startsWith('_')) return null;
  const from = text.elementOf(source);
  const element = ofScalar({ ...from, keyRank: 0 }, text.elementOf(sink), settings);
  const numbered = (at: string): string => `(${at})[:]`;
  if (element === null) {
    if (source.cast !== sink.cast) return null;
    return {
      setting: "Debezium's form of arrays",
      change: 'the bounds become those that start at 1; no setting keeps them',
      source: (at) => `(${numbered(at)})::text`,
    };
  }
  const ours = text.elements(element.source);
  return {
    setting: element.setting,
    change: element.change,
    source: (at, column) => ours(numbered(at), column),
    sink: text.elements(element.sink ?? asText),
  };
}
