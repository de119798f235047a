import type { EncoderConfig } from '../../contract/envelope.ts';
import { quote } from '../json.ts';
import { copyDecimal } from './fast-path-values.ts';
import { doubleJson, floatJson, parseDecimal, rescale, stripZeros, unscaledBase64 } from './number-text.ts';
import type { TypeMapping } from './type-mapping.ts';

/**
 * `numeric` under each `decimal.handling.mode`. The type modifier holds precision and scale. Without one each value
 * has another scale, and becomes a VariableScaleDecimal.
 */
export function decimalType(config: EncoderConfig, typeModifier: number): TypeMapping {
  const limits = typeModifier < 0 ? null : limitsOf(typeModifier);
  if (config.decimals === 'double') {
    return {
      schema: { type: 'double' },
      encode: double,
      fallback: '0.0',
      placeholder: null,
      computedDefault: '0.0',
    };
  }
  if (config.decimals === 'string') {
    const zero = `"${rescale('0', limits?.scale ?? 0)}"`;
    return {
      schema: { type: 'string' },
      // A value has all the digits of its column, but a DEFAULT only those that were written.
      encode: (text) => `"${special(text) ?? (limits && rescale(text, limits.scale)) ?? text}"`,
      fallback: zero,
      placeholder: quote(config.unavailableValue),
      computedDefault: zero,
    };
  }
  return limits === null ? VARIABLE_SCALE : fixedScale(limits.precision, limits.scale);
}

/** PostgreSQL packs them as `((precision << 16) | scale) + 4`, with the scale in 11 bits of two's complement. */
function limitsOf(typeModifier: number): { readonly precision: number; readonly scale: number } {
  const packed = typeModifier - 4;
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

const VARIABLE_SCALE: TypeMapping = {
  schema: {
    type: 'struct',
    fields: [
      { type: 'int32', field: 'scale' },
      { type: 'bytes', field: 'value' },
    ],
    name: 'io.debezium.data.VariableScaleDecimal',
    version: 1,
    doc: 'Variable scaled decimal',
  },
  encode: (text) => {
    const { unscaled, scale } = parseDecimal(stripZeros(text)) ?? refuse(text);
    return `{"scale":${scale},"value":"${unscaledBase64(unscaled)}"}`;
  },
  fallback: '{"scale":0,"value":"AA=="}',
  placeholder: null,
};

function fixedScale(precision: number, scale: number): TypeMapping {
  const parameters = { scale: String(scale), 'connect.decimal.precision': String(precision) };
  const exact = (text: string): string => rescale(text, Math.max(scale, 0)) ?? refuse(text);
  return {
    schema: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters },
    encode: (text) => {
      const { unscaled } = parseDecimal(exact(text)) ?? refuse(text);
      // numeric(3,-2): the unscaled value leaves out the two zeros at the end.
      return `"${unscaledBase64(scale < 0 ? unscaled / 10n ** BigInt(-scale) : unscaled)}"`;
    },
    ...(scale >= 0 ? { copy: copyDecimal(scale) } : {}),
    headerEncode: exact,
    fallback: '"AA=="',
    placeholder: null,
    computedDefault: '"AA=="',
  };
}

function double(text: string): string {
  return special(text) === null ? doubleJson(text) : floatJson(text);
}

const SPECIAL: Readonly<Record<string, string>> = {
  NaN: 'NAN',
  Infinity: 'POSITIVE_INFINITY',
  '-Infinity': 'NEGATIVE_INFINITY',
};

/** Debezium's names for the values that no Decimal can hold; null for all others. */
function special(text: string): string | null {
  return Object.hasOwn(SPECIAL, text) ? (SPECIAL[text] ?? null) : null;
}

function refuse(text: string): never {
  throw new RangeError(
    `the numeric ${text.slice(0, 20)} has no Decimal form: set decimal.handling.mode to string`,
  );
}
