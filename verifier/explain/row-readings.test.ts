import { expect, test } from 'vitest';
import { causesOf, differingColumns, type RowReading } from './row-readings.ts';

const reading = (version: number | null, name: string): RowReading => ({
  row: { version, metadata: {} },
  texts: { name, version: version === null ? null : String(version) },
});

test('the sink is compared with the reading of the source whose version it has', () => {
  const [before, after] = [reading(5, 'a'), reading(6, 'b')];
  const differing = (...sink: readonly RowReading[]) => differingColumns({ before, after }, sink);
  expect(differing(reading(6, 'b'))).toEqual([]);
  expect(differing(reading(6, 'garbled'))).toEqual(['name']);
  expect(differing(reading(5, 'garbled'))).toEqual(['name']);
  expect(differing(reading(4, 'a'))).toEqual(['version']);
  expect(differing()).toEqual([]);
});

test('without versions, the first reading of the source counts', () => {
  const [before, after] = [reading(null, 'a'), reading(null, 'b')];
  expect(differingColumns({ before, after }, [reading(null, 'b')])).toEqual(['name']);
});

test('a column that the sink lacks, and the placeholder in text or bytes, are told apart from other values', () => {
  const bytes = `\\x${Buffer.from('__debezium_unavailable_value').toString('hex')}`;
  const texts = { body: '__debezium_unavailable_value', image: bytes, name: 'x' };
  const sink: RowReading = { row: { version: 1, metadata: {} }, texts };
  const sent = new Set(['body', 'image', 'price']);
  expect(causesOf(['body', 'image', 'name', 'price'], sink, sent)).toEqual({
    lacking: ['price'],
    unsent: ['name'],
    placeholders: ['body', 'image'],
  });
  expect(causesOf(['name'], undefined)).toEqual({ lacking: [], unsent: [], placeholders: [] });
});
