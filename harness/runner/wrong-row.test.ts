import { expect, it } from 'vitest';
import type { Expectation } from '../plugins/scenario.ts';
import { FakeWorld, finding } from './testing/fake-lab.ts';
import { wrongRowOf } from './wrong-row.ts';

const expected: Expectation = { verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' } };

/** Access to a pipeline whose sides answer every query with these rows. */
async function accessTo(source: object[], sink: object[]) {
  const asked: unknown[] = [];
  const query = async (side: string, sql: string, params?: readonly unknown[]) => {
    asked.push([side, sql, params]);
    return (side === 'source' ? source : sink).map((row) => ({ row }));
  };
  return { access: { ...(await new FakeWorld().access()), query }, asked };
}

it('the wrong row is that of the expected finding, with the columns that differ', async () => {
  const { access, asked } = await accessTo(
    [{ id: 1, name: 'new', body: { a: 1 } }],
    [{ id: 1, name: 'old', body: { a: 1 }, _cdc_lsn: '0/1' }],
  );
  const stale = finding({ class: 'stale', table: 'shop.orders', first: { key: { id: '1' }, columns: [] } });
  expect(await wrongRowOf([finding(), stale], expected, access)).toEqual({
    class: 'stale',
    table: 'shop.orders',
    key: { id: '1' },
    columns: ['name'],
    source: { id: '1', name: 'new', body: '{"a":1}' },
    sink: [{ id: '1', name: 'old', body: '{"a":1}' }],
  });
  expect(asked).toEqual([
    ['source', expect.stringContaining('"shop"."orders"'), ['1']],
    ['sink', expect.stringContaining('"public"."orders"'), ['1']],
  ]);
});

it('a row that the sink lacks has no copy there', async () => {
  const { access } = await accessTo([{ id: 1 }], []);
  expect(await wrongRowOf([finding()], expected, access)).toMatchObject({ class: 'missing', sink: [] });
});

it('findings that name no row show none', async () => {
  const { access, asked } = await accessTo([], []);
  expect(await wrongRowOf([finding({ first: null }), finding({ table: null })], expected, access)).toBeNull();
  expect(asked).toEqual([]);
});
