import type { Column } from '../../observe/source/catalogue.ts';
import * as text from './canonical.ts';
import { hasRoom, holdsNumeric, INTEGERS, isAsPrecise, isWider } from './capacity.ts';
import * as iso from './iso-text.ts';
import type { ToText, TypeRule } from './type-rule.ts';

// The table of all pairs of types whose values can be compared. `docs/type-pairs.md` is generated from it.

const TEXTS = ['text', 'varchar', 'bpchar', 'name', 'citext'];
const UNPADDED = ['text', 'varchar', 'name', 'citext'];
const NUMBERS = [...INTEGERS, 'oid', 'numeric', 'float4', 'float8'];
export const JSONS: readonly string[] = ['json', 'jsonb'];

export interface Entry {
  /** Names of types; undefined for any type. */
  readonly from: readonly string[] | undefined;
  readonly to: readonly string[] | undefined;
  readonly rule: TypeRule;
  /** Whether the copy's type holds every value. It is called with the columns because a length or a scale may decide. */
  readonly holds: boolean | ((source: Column, sink: Column) => boolean);
  /** Limits the entry to some lengths. */
  readonly when?: (source: Column, sink: Column) => boolean;
}

function rule(says: string, source: ToText, sink: ToText = source, castable = true): TypeRule {
  return { says, source, sink, castable };
}

const AS_PRINTED = rule('they print alike', text.printed);
const AS_NUMBER = rule('they are the same number; zeros at its end do not count', text.number);
const AS_NUMBER_IN_TEXT = rule('the text is the same number', text.number, text.number, false);
const AS_WHOLE = rule('they are the same whole number', text.printed, text.wholeFloat);
const AS_WIDENED = rule(
  'the copy is the number, or the decimal fraction that it prints',
  text.printed,
  text.widenedFloat,
);
const AS_SHORTENED = rule('the copy prints all digits', text.printed, text.shortFloat);
const AS_TRUTH = rule('both are true or both are false; `t` is `true`', text.truth, text.truth, false);
const AS_DIGIT = rule('1 is true and 0 is false', text.truthDigit);
const AS_MOMENT = rule('they are the same moment in UTC; a date is its midnight', text.moment);
const AS_TIME = rule('they are the same time; the offset of the copy must be UTC', text.timeOfDay);
const AS_TIME_ON_DAY_0 = rule(
  'the copy is that time on 1970-01-01',
  (at) => `(timestamp '1970-01-01' + (${at})::interval)::text`,
  (at) => `(${at})::text`,
  false,
);
const AS_MICROSECONDS = rule(
  'the number is the interval in microseconds',
  text.microseconds,
  text.microseconds,
  false,
);
const UNPADDED_BOTH = rule(
  'they are the same text; blanks at the end do not count',
  text.unpadded,
  text.unpadded,
  false,
);
const UNPADDED_COPY = rule(
  'they are the same text; a blank at the end of the original is lost',
  text.printed,
  text.unpadded,
);
const AS_ISO = (sink: ToText) =>
  rule('the text is what the type prints, or the ISO 8601 text of an event', text.printed, sink, false);
const AS_DECIMAL = rule('they print alike; `NAN` is `NaN`', text.printed, iso.decimal);
const AS_ADDRESS = rule(
  'they are the same address; the mask of a single host does not count',
  text.address,
  text.address,
  false,
);
const AS_NETWORK = rule('they have the same address and mask', (at) => `(${at})::text`);
const AS_MACADDR8 = rule('they are the same address in eight bytes', text.macaddr8);
const AS_BYTES = rule('the bytes are those of the text in UTF-8', text.bytes, text.bytes, false);
const AS_JSON = rule(
  'they are the same JSON value; blanks and order do not count',
  text.jsonValue,
  text.jsonValue,
  false,
);
const AS_JSON_ONCE = rule(
  'they are the same JSON value, and no key occurs twice; blanks and order do not count',
  text.jsonWithKeys,
  text.jsonValue,
  false,
);
const AS_JSON_ARRAY = rule('they are the same JSON array', text.jsonArray, text.jsonValue, false);

/** The same type with another scale or length. Types that are not here are compared as they are. */
export const SAME_TYPE: Readonly<Record<string, Pick<Entry, 'rule' | 'holds'>>> = {
  numeric: { rule: AS_NUMBER, holds: holdsNumeric },
  bpchar: { rule: UNPADDED_BOTH, holds: hasRoom },
};

/** Enums whose labels are perhaps the same. */
export const ENUMS: Pick<Entry, 'rule' | 'holds'> = { rule: AS_PRINTED, holds: false };

/** Types whose arrays are the same in JSON, however they got there. */
export const JSON_ELEMENTS = ['bool', ...INTEGERS, 'numeric', 'float4', 'float8', 'text', 'varchar', 'uuid'];
export const ARRAY_IN_JSON: Pick<Entry, 'rule' | 'holds'> = { rule: AS_JSON_ARRAY, holds: true };

/** Different types. The first entry that fits decides. */
export const ENTRIES: readonly Entry[] = [
  // Numbers.
  { from: INTEGERS, to: INTEGERS, rule: AS_PRINTED, holds: isWider },
  { from: ['oid'], to: ['int8'], rule: AS_PRINTED, holds: true },
  { from: [...INTEGERS, 'oid'], to: ['int2', 'int4', 'int8', 'oid'], rule: AS_PRINTED, holds: false },
  { from: [...INTEGERS, 'oid'], to: ['numeric'], rule: AS_NUMBER, holds: holdsNumeric },
  { from: [...INTEGERS, 'oid'], to: ['float8'], rule: AS_WHOLE, holds: ({ type }) => type !== 'int8' },
  { from: [...INTEGERS, 'oid'], to: ['float4'], rule: AS_NUMBER, holds: ({ type }) => type === 'int2' },
  { from: ['float4'], to: ['float8'], rule: AS_WIDENED, holds: true },
  { from: ['float8'], to: ['float4'], rule: AS_SHORTENED, holds: false },
  {
    from: ['float4', 'float8'],
    to: ['numeric'],
    rule: AS_NUMBER,
    holds: (_, { cast }) => !cast.includes('('),
  },
  { from: NUMBERS, to: NUMBERS, rule: AS_NUMBER, holds: false },
  { from: ['money'], to: ['numeric'], rule: AS_NUMBER, holds: holdsNumeric },
  { from: ['money'], to: NUMBERS, rule: AS_NUMBER, holds: false },
  { from: NUMBERS, to: ['money'], rule: AS_NUMBER, holds: ({ type }) => ['int2', 'int4'].includes(type) },
  // Truth and bits.
  { from: ['bit'], to: ['bool'], rule: AS_DIGIT, holds: true, when: ({ cast }) => cast === 'bit(1)' },
  { from: ['bool'], to: ['bit'], rule: AS_DIGIT, holds: true, when: (_, { cast }) => cast === 'bit(1)' },
  { from: ['bool'], to: INTEGERS, rule: AS_DIGIT, holds: true },
  { from: INTEGERS, to: ['bool'], rule: AS_DIGIT, holds: false },
  { from: ['bit'], to: ['varbit'], rule: AS_PRINTED, holds: hasRoom },
  { from: ['varbit'], to: ['bit'], rule: AS_PRINTED, holds: false },
  { from: ['bool'], to: UNPADDED, rule: AS_TRUTH, holds: hasRoom },
  { from: UNPADDED, to: ['bool'], rule: AS_TRUTH, holds: false },
  // Dates and times.
  { from: ['date'], to: ['timestamp', 'timestamptz'], rule: AS_MOMENT, holds: true },
  {
    from: ['timestamp', 'timestamptz'],
    to: ['timestamp', 'timestamptz'],
    rule: AS_MOMENT,
    holds: isAsPrecise,
  },
  { from: ['timestamp', 'timestamptz'], to: ['date'], rule: AS_MOMENT, holds: false },
  { from: ['time'], to: ['timetz'], rule: AS_TIME, holds: isAsPrecise },
  { from: ['timetz'], to: ['time'], rule: AS_TIME, holds: false },
  { from: ['time'], to: ['timestamp'], rule: AS_TIME_ON_DAY_0, holds: isAsPrecise },
  { from: ['interval'], to: ['int8'], rule: AS_MICROSECONDS, holds: false },
  // JSON.
  { from: ['json'], to: ['jsonb'], rule: AS_JSON_ONCE, holds: false },
  { from: ['jsonb'], to: ['json'], rule: AS_JSON, holds: true },
  { from: ['hstore'], to: JSONS, rule: AS_JSON, holds: true },
  // Networks.
  { from: ['cidr'], to: ['inet'], rule: AS_NETWORK, holds: true },
  { from: ['inet'], to: ['cidr'], rule: AS_NETWORK, holds: false },
  { from: ['macaddr'], to: ['macaddr8'], rule: AS_MACADDR8, holds: true },
  { from: ['macaddr8'], to: ['macaddr'], rule: AS_MACADDR8, holds: false },
  { from: ['inet'], to: UNPADDED, rule: AS_ADDRESS, holds: hasRoom },
  // Ranges of whole numbers.
  { from: ['int4range'], to: ['int8range', 'numrange'], rule: AS_PRINTED, holds: true },
  { from: ['int8range'], to: ['numrange'], rule: AS_PRINTED, holds: true },
  // Texts.
  { from: ['bpchar'], to: UNPADDED, rule: UNPADDED_BOTH, holds: hasRoom },
  { from: UNPADDED, to: ['bpchar'], rule: UNPADDED_COPY, holds: false },
  { from: ['text', 'varchar', 'citext'], to: ['bytea'], rule: AS_BYTES, holds: true },
  { from: ['float4', 'float8', 'money'], to: UNPADDED, rule: AS_NUMBER_IN_TEXT, holds: hasRoom },
  { from: ['date', 'timestamp'], to: UNPADDED, rule: AS_ISO(iso.moment('')), holds: hasRoom },
  { from: ['timestamptz'], to: UNPADDED, rule: AS_ISO(iso.moment('+00')), holds: hasRoom },
  { from: ['time'], to: UNPADDED, rule: AS_ISO(iso.clock('')), holds: hasRoom },
  { from: ['timetz'], to: UNPADDED, rule: AS_ISO(iso.clock('+00')), holds: hasRoom },
  { from: ['interval'], to: UNPADDED, rule: AS_ISO(iso.interval), holds: hasRoom },
  { from: ['numeric'], to: UNPADDED, rule: AS_DECIMAL, holds: hasRoom },
  { from: undefined, to: UNPADDED, rule: AS_PRINTED, holds: hasRoom },
  { from: undefined, to: ['bpchar'], rule: UNPADDED_COPY, holds: hasRoom },
  { from: TEXTS, to: undefined, rule: AS_PRINTED, holds: false },
];
