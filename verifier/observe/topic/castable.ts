import type { Column } from '../source/catalogue.ts';
import { asPostgresText, decimalText, type Event, isObject, type Json } from './envelope.ts';
import { isPlaceholder } from './placeholder.ts';

/**
 * A value of an event as a text from which a cast to the source's type makes the value. Unlike {@link asPostgresText}, it
 * need not be what the type prints.
 * @returns undefined if this reader does not know the form.
 */
export function castableText(
  value: Json | undefined,
  column: Column,
  event?: Pick<Event, 'scales' | 'semantics'>,
): string | null | undefined {
  const printed = asPostgresText(value, column, event as Event | undefined);
  if (printed !== undefined || value === undefined || value === null) return printed;
  if (isPlaceholder(value)) return undefined;
  if (Array.isArray(value)) return arrayText(value, column);
  if (typeof value === 'boolean') return column.cast === 'bit(1)' ? (value ? '1' : '0') : undefined;
  if (isObject(value)) return column.type === 'point' ? `(${String(value.x)},${String(value.y)})` : undefined;
  const semantic = event?.semantics.get(column.name) ?? '';
  return scalarText(value, column, semantic, event?.scales.get(column.name));
}

const WHOLE = /^-?\d+$/;

function scalarText(
  value: string,
  { type, cast, kind }: Column,
  semantic: string,
  scale: number | undefined,
): string | undefined {
  switch (type) {
    case 'numeric':
      return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) ? value : undefined;
    case 'money':
      return decimalText(value, scale ?? 2);
    case 'interval':
      return WHOLE.test(value) ? `${value} microseconds` : value;
    case 'time':
      return WHOLE.test(value) ? clock(value, semantic, cast) : value.replace(/Z$/, '');
    case 'bit':
    case 'varbit':
      return bits(value, /\((\d+)\)/.exec(cast)?.[1]);
    case 'hstore':
      return undefined;
    default:
      return kind === 'b' && !type.startsWith('_') ? value : undefined;
  }
}

/** `time` from a number of nanoseconds, microseconds or milliseconds, as the schema's name or the precision says. */
function clock(value: string, semantic: string, cast: string): string {
  const isMillis =
    semantic === '' ? /\([0-3]\)/.test(cast) : /(^|\.)Time$/.test(semantic) && !semantic.includes('Micro');
  const micros = semantic.endsWith('.NanoTime')
    ? BigInt(value) / 1000n
    : BigInt(value) * (isMillis ? 1000n : 1n);
  const two = (n: bigint): string => String(n).padStart(2, '0');
  const seconds = micros / 1_000_000n;
  const fraction = String(micros % 1_000_000n).padStart(6, '0');
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}.${fraction}`;
}

/** Debezium's `Bits`: bytes, the lowest first. */
function bits(value: string, length: string | undefined): string | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  const bytes = [...Buffer.from(value, 'base64')].reverse();
  const digits = bytes
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .replace(/^0+/, '');
  return digits.padStart(Number(length ?? 0), '0');
}

function arrayText(values: readonly Json[], column: Column): string | undefined {
  if (!column.type.startsWith('_')) return undefined;
  const element = { ...column, type: column.type.slice(1), cast: column.cast.replace(/\[\]$/, '') };
  const texts = values.map((value) => castableText(value, element));
  if (texts.includes(undefined)) return undefined;
  const quoted = texts.map((text) =>
    typeof text === 'string' ? `"${text.replaceAll(/[\\"]/g, '\\$&')}"` : 'NULL',
  );
  return `{${quoted.join(',')}}`;
}
