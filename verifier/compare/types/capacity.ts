import type { Column } from '../../observe/source/catalogue.ts';

// Whether a type can hold every value of another one, by its length, precision and scale.

export const INTEGERS: readonly string[] = ['int2', 'int4', 'int8'];

/** The numbers that follow a type in parentheses: its length, or precision and scale. */
function modifiers({ cast }: Column): readonly number[] {
  return (/\(([\d,]+)\)/.exec(cast)?.[1] ?? '').split(',').flatMap((n) => (n === '' ? [] : [Number(n)]));
}

/** Digits of the longest value before the point, and digits after it. */
function digitsOf(column: Column): readonly [whole: number, fraction: number] {
  const [precision, scale = 0] = modifiers(column);
  const ofIntegers: Readonly<Record<string, number>> = { int2: 5, int4: 10, int8: 19, oid: 10 };
  if (column.type === 'money') return [17, 2];
  if (column.type !== 'numeric') return [ofIntegers[column.type] ?? Infinity, 0];
  return precision === undefined ? [Infinity, Infinity] : [precision - scale, scale];
}

export function holdsNumeric(source: Column, sink: Column): boolean {
  const [ours, theirs] = [digitsOf(source), digitsOf(sink)];
  return ours[0] <= theirs[0] && ours[1] <= theirs[1];
}

export function isWider(source: Column, sink: Column): boolean {
  return INTEGERS.indexOf(source.type) < INTEGERS.indexOf(sink.type);
}

/** Characters of the longest value that a type prints. Of other types it is not known. */
const PRINTED_CHARACTERS: Readonly<Record<string, number>> = {
  ...{
    bool: 5,
    char: 4,
    int2: 6,
    int4: 11,
    int8: 20,
    oid: 10,
    uuid: 36,
    date: 13,
    macaddr: 17,
    macaddr8: 23,
  },
  name: 63,
};

export function hasRoom(source: Column, sink: Column): boolean {
  if (sink.type === 'name') return false;
  const [theirs = Infinity] = modifiers(sink);
  if (theirs === Infinity) return true;
  const [length = Infinity] = ['varchar', 'bpchar', 'bit', 'varbit'].includes(source.type)
    ? modifiers(source)
    : [];
  return Math.min(length, PRINTED_CHARACTERS[source.type] ?? Infinity) <= theirs;
}

const MICROSECONDS = 6;

export function isAsPrecise(source: Column, sink: Column): boolean {
  return (modifiers(source)[0] ?? MICROSECONDS) <= (modifiers(sink)[0] ?? MICROSECONDS);
}

/** The same type with other lengths: none of them is smaller. A `bit(n)` has exactly n bits. */
export function isAsLong(source: Column, sink: Column): boolean {
  const ours = modifiers(source);
  return source.type !== 'bit' && modifiers(sink).every((n, i) => (ours[i] ?? Infinity) <= n);
}
