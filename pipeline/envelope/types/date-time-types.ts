import { quote } from '../json.ts';
import {
  epochDays,
  isoDate,
  isoTime,
  isoTimestamp,
  timeMicros,
  timeMillis,
  timeNanos,
  timestampMicros,
  timestampMillis,
  timestampNanos,
  zonedTime,
  zonedTimestamp,
} from './date-time-text.ts';
import {
  copyDate,
  copyTimestampMicros,
  copyTimestampMillis,
  copyZonedTimestamp,
} from './fast-path-values.ts';
import { semanticNumber } from './number-types.ts';
import { textType } from './text-types.ts';
import type { TypeContext, TypeMapping } from './type-mapping.ts';

/** Digits of a second's fraction; 6 unless the column limits them. */
function fractionDigits(typeModifier: number): number {
  return typeModifier < 0 ? 6 : typeModifier;
}

/** `time.precision.mode=isostring`. @param zero JSON of the epoch, which is written for a value that was not sent. */
function isoString(
  { config }: TypeContext,
  type: string,
  encode: TypeMapping['encode'],
  zero: string,
): TypeMapping {
  const schema = { type: 'string', name: `io.debezium.time.Iso${type}`, version: 1 } as const;
  const placeholder = quote(config.unavailableValue);
  return { schema, encode, fallback: zero, placeholder, computedDefault: zero };
}

/** `date` under each `time.precision.mode`. */
export function dateType(context: TypeContext): TypeMapping {
  const { time } = context.config;
  if (time === 'isostring') return isoString(context, 'Date', isoDate, '"1970-01-01Z"');
  const name = time === 'connect' ? 'org.apache.kafka.connect.data.Date' : 'io.debezium.time.Date';
  return semanticNumber('int32', name, epochDays, copyDate);
}

/** `time` under each `time.precision.mode`. */
export function timeType(context: TypeContext): TypeMapping {
  const { config, typeModifier } = context;
  switch (config.time) {
    case 'isostring':
      return isoString(context, 'Time', isoTime, '"00:00:00Z"');
    case 'connect':
      return semanticNumber('int32', 'org.apache.kafka.connect.data.Time', timeMillis);
    case 'nanoseconds':
      return semanticNumber('int64', 'io.debezium.time.NanoTime', timeNanos);
    default:
      return config.time === 'adaptive' && fractionDigits(typeModifier) <= 3
        ? semanticNumber('int32', 'io.debezium.time.Time', timeMillis)
        : semanticNumber('int64', 'io.debezium.time.MicroTime', timeMicros);
  }
}

/** `timestamp` under each `time.precision.mode`. */
export function timestampType(context: TypeContext): TypeMapping {
  const { config, typeModifier } = context;
  const millis = (name: string) => semanticNumber('int64', name, timestampMillis, copyTimestampMillis);
  switch (config.time) {
    case 'isostring':
      return isoString(context, 'Timestamp', isoTimestamp, '"1970-01-01T00:00:00Z"');
    case 'connect':
      return millis('org.apache.kafka.connect.data.Timestamp');
    case 'nanoseconds':
      return semanticNumber('int64', 'io.debezium.time.NanoTimestamp', timestampNanos);
    default:
      return config.time !== 'microseconds' && fractionDigits(typeModifier) <= 3
        ? millis('io.debezium.time.Timestamp')
        : semanticNumber('int64', 'io.debezium.time.MicroTimestamp', timestampMicros, copyTimestampMicros);
  }
}

/** `timestamptz`: an ISO string in UTC under every mode. */
export function timestamptzType(context: TypeContext): TypeMapping {
  const digits = fractionDigits(context.typeModifier);
  const epoch = zonedTimestamp('1970-01-01 00:00:00+00', digits);
  return {
    ...textType(context, 'io.debezium.time.ZonedTimestamp', epoch, (text) => zonedTimestamp(text, digits)),
    copy: copyZonedTimestamp(digits),
    fallback: '"1970-01-01T00:00:00Z"',
    placeholder: null,
  };
}

/** `timetz`: an ISO string in UTC under every mode. */
export function timetzType(context: TypeContext): TypeMapping {
  const mapping = textType(context, 'io.debezium.time.ZonedTime', undefined, zonedTime);
  return { ...mapping, fallback: '"00:00:00Z"', placeholder: null };
}
