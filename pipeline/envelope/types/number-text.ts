// Numbers: PostgreSQL's text → JSON.

/**
 * `float4` and `float8` as Java prints a double: `1.0`, `1.0E20`. NaN and the infinities are strings, as in Jackson.
 * PostgreSQL sends the shortest digits that read back equal, so the digits are kept as they are.
 */
export function floatJson(text: string): string {
  const first = text.charCodeAt(0);
  // The first letters of NaN and Infinity.
  if (first === 78 || first === 73 || text === '-Infinity') return `"${text}"`;
  return javaDouble(text);
}

/** A decimal number as the nearest double, as Java prints it. */
export function doubleJson(text: string): string {
  return floatJson(String(Number(text)).replace('e+', 'e'));
}

function javaDouble(text: string): string {
  const sign = text.startsWith('-') ? '-' : '';
  const [mantissa = '', exponentText] = (sign ? text.slice(1) : text).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const padded = whole + fraction;
  const digits = padded.replace(/^0+/, '');
  if (digits === '') return `${sign}0.0`;
  // The value is 0.DIGITS × 10^point.
  const point = whole.length - (padded.length - digits.length) + Number(exponentText ?? 0);
  const kept = digits.replace(/0+$/, '');
  if (point > 7 || point < -2) {
    return `${sign}${kept[0]}.${kept.slice(1) || '0'}E${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${kept}`;
  return `${sign}${kept.slice(0, point).padEnd(point, '0')}.${kept.slice(point) || '0'}`;
}

/** A `numeric` as an unscaled integer and its scale; null for NaN and the infinities. */
export function parseDecimal(text: string): { readonly unscaled: bigint; readonly scale: number } | null {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return null;
  const point = text.indexOf('.');
  if (point < 0) return { unscaled: BigInt(text), scale: 0 };
  return { unscaled: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

/** An integer as Connect's Decimal holds it: shortest two's complement, big-endian, in base64. */
export function unscaledBase64(value: bigint): string {
  if (value >= -0x80000000n && value <= 0x7fffffffn) return smallBase64(Number(value));
  let length = Math.ceil((value < 0n ? -value : value).toString(16).length / 2) + 1;
  let hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0');
  const filler = value < 0n ? 'ff' : '00';
  while (length > 1 && hex.startsWith(filler) && Number.parseInt(hex[2] ?? '0', 16) >= 8 === value < 0n) {
    hex = hex.slice(2);
    length -= 1;
  }
  return Buffer.from(hex, 'hex').toString('base64');
}

/** Holds nothing between two calls. */
const scratch = Buffer.alloc(4);

function smallBase64(value: number): string {
  scratch.writeInt32BE(value);
  const start =
    value >= -0x80 && value <= 0x7f
      ? 3
      : value >= -0x8000 && value <= 0x7fff
        ? 2
        : value >> 23 === value >> 31
          ? 1
          : 0;
  return scratch.toString('base64', start);
}

/** The number with exactly `scale` digits after the point; null if digits other than 0 would be lost. */
export function rescale(text: string, scale: number): string | null {
  const point = text.indexOf('.');
  const whole = point < 0 ? text : text.slice(0, point);
  const fraction = point < 0 ? '' : text.slice(point + 1);
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) return null;
  return scale === 0 ? whole : `${whole}.${fraction.slice(0, scale).padEnd(scale, '0')}`;
}

/** Removes the zeros at the end of the fraction, and the point if no digit follows it any more. */
export function stripZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** The message does not quote the text, because it is a row's value. */
export function notInLocaleC(type: string): RangeError {
  return new RangeError(`a value of type ${type} is not written as PostgreSQL writes it in the locale C`);
}
