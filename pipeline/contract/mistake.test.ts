import { expect, test } from 'vitest';
import { z } from 'zod';
import { accept } from './mistake.ts';

const schema = z.strictObject({
  source: z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).default(5432) }),
  mode: z.enum(['slot', 'quiesce']).nullable().default(null),
  tables: z.array(z.strictObject({ name: z.string() })).optional(),
  maps: z.record(z.string(), z.strictObject({ from: z.string() })).default({}),
  kafka: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('plain'), servers: z.array(z.string()).min(1) }),
    z.strictObject({ kind: z.literal('sasl'), user: z.string() }),
  ]),
  sink: z.union([z.url(), z.strictObject({ host: z.string(), database: z.string() })]),
  size: z.union([z.string(), z.number()]).default(1),
  rule: z
    .string()
    .refine((text) => text !== 'x', 'a rule is not x')
    .default('y'),
});
const RIGHT = { source: { host: 'h' }, kafka: { kind: 'plain', servers: ['s'] }, sink: 'http://h' };

test.each<[object, string]>([
  [{ ...RIGHT, soucre: 1 }, 'soucre is not known; did you mean source?'],
  [{ ...RIGHT, whatever: 1 }, 'whatever is not known'],
  [{ ...RIGHT, source: { hots: 'h' } }, 'source.hots is not known; did you mean host?'],
  [{ ...RIGHT, source: {} }, 'source.host is missing'],
  [{ ...RIGHT, source: { host: '' } }, 'source.host must not be empty'],
  [{ ...RIGHT, source: { host: 7 } }, 'source.host must be text, and is a number'],
  [{ ...RIGHT, source: { host: 'h', port: 1.5 } }, 'source.port must be a whole number, and is a number'],
  [{ ...RIGHT, source: { host: 'h', port: 99_999 } }, 'source.port must be at most 65535'],
  [{ ...RIGHT, source: 'h' }, 'source must be an object, and is text'],
  [{ ...RIGHT, mode: 'slto' }, 'mode must be one of slot, quiesce; did you mean slot?'],
  [{ ...RIGHT, tables: [{ name: 't' }, { nmae: 't' }] }, 'tables.1.nmae is not known; did you mean name?'],
  [{ ...RIGHT, tables: {} }, 'tables must be a list, and is an object'],
  [{ ...RIGHT, maps: { a: { form: 'x' } } }, 'maps.a.form is not known; did you mean from?'],
  [{ ...RIGHT, kafka: { kind: 'plain', severs: [] } }, 'kafka.severs is not known; did you mean servers?'],
  [{ ...RIGHT, kafka: { kind: 'plain', servers: [] } }, 'kafka.servers must not be empty'],
  [{ ...RIGHT, kafka: { kind: 'plan' } }, 'kafka.kind must be one of plain, sasl; did you mean plain?'],
  [{ ...RIGHT, size: null }, 'size must be text or a number, and is null'],
  [{ ...RIGHT, sink: 'x y' }, 'sink must be a URL'],
  [{ ...RIGHT, sink: { host: 'h', databse: 'd' } }, 'sink.databse is not known; did you mean database?'],
  [{ ...RIGHT, rule: 'x' }, 'rule: a rule is not x'],
])('%j: %s', (value, said) => {
  expect(() => accept(schema, value)).toThrow(new RegExp(`^${said.replaceAll('?', '\\?')}\\.?$`));
});

test('of several mistakes the first one is told, an unknown key with its nearest before the others', () => {
  const value = { ...RIGHT, source: { host: 1, prot: 2 }, rule: 'x' };
  expect(() => accept(schema, value)).toThrow('source.prot is not known; did you mean port? (and 2 more).');
});

test('a value that is no object at all is told by what it is', () => {
  expect(() => accept(schema, 'text', 'the file')).toThrow('the file must be an object, and is text');
  expect(() => accept(schema, undefined, 'the file')).toThrow('the file must be an object, and is missing');
});

test('no value is repeated: it may be a secret', () => {
  const value = { ...RIGHT, source: { host: ['hunter2'] }, mode: 'hunter2' };
  expect(() => accept(schema, value)).toThrow(/^(?!.*hunter2)/);
});
