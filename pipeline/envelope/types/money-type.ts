import type { EncoderConfig } from '../../contract/envelope.ts';
import { doubleJson, notInLocaleC, parseDecimal, unscaledBase64 } from './number-text.ts';
import type { TypeMapping } from './type-mapping.ts';

const MONEY_DIGITS = 2;
/** `-$1,234.56`: a sign, a currency symbol of one character, digits and commas. */
const MONEY = /^(-?)[^\d.-]?([\d,]+(?:\.\d+)?)$/;

/** `money` under each `decimal.handling.mode`, if the server's locale writes amounts as the locale C does. */
export function moneyType({ decimals }: EncoderConfig): TypeMapping {
  if (decimals === 'string') {
    return {
      schema: { type: 'string' },
      encode: (text) => `"${amount(text)}"`,
      fallback: '"0.00"',
      placeholder: null,
    };
  }
  if (decimals === 'double') {
    return {
      schema: { type: 'double' },
      encode: (text) => doubleJson(amount(text)),
      fallback: '0.0',
      placeholder: null,
    };
  }
  const parameters = { scale: String(MONEY_DIGITS) };
  return {
    schema: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters },
    encode: (text) => {
      const value = parseDecimal(amount(text));
      if (value?.scale !== MONEY_DIGITS) throw notInLocaleC('money');
      return `"${unscaledBase64(value.unscaled)}"`;
    },
    headerEncode: amount,
    fallback: '"AA=="',
    placeholder: null,
  };
}

function amount(text: string): string {
  const match = MONEY.exec(text);
  if (match === null) throw notInLocaleC('money');
  return `${match[1]}${match[2]?.replaceAll(',', '')}`;
}
