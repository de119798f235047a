import { expect, test } from 'vitest';
import type { Side } from '../access/access.ts';
import type { FaultContext } from '../plugins/fault.ts';
import alterTable from './alter-table.ts';

const PARAMS = alterTable.params.parse(alterTable.example);

/** Databases that have these columns; what is altered at the source comes to the sink. */
function target(held: Record<Side, string[]>, isForeign: boolean): FaultContext {
  const query = async (side: Side, sql: string): Promise<Record<string, unknown>[]> => {
    const added = /ADD COLUMN "(\w+)"/.exec(sql)?.[1];
    if (added === undefined) return held[side].map((attname) => ({ attname }));
    held.source.push(added);
    held.sink.push(added);
    return [];
  };
  const instance = isForeign ? { reach: {} } : {};
  return { access: { query }, instance } as unknown as FaultContext;
}

async function run(context: FaultContext): Promise<unknown> {
  const before = await alterTable.observe(context, PARAMS);
  await alterTable.inject(context, PARAMS);
  return await alterTable.prove(context, PARAMS, before, {});
}

test('a second injection into a pipeline that somebody else runs adds and proves the next column', async () => {
  const held = { source: ['id'], sink: ['id'] };
  const context = target(held, true);
  expect(await run(context)).toMatchObject({ column: 'tier' });
  expect(await run(context)).toMatchObject({ column: 'tier_2' });
  expect(await run(context)).toMatchObject({ column: 'tier_3', columns: ['id', 'tier', 'tier_2', 'tier_3'] });
  expect((await alterTable.heal(context, PARAMS)).said).toMatch(/^column customers\.tier_3 stays/);
});

test('a column that was dropped only at the source is not added again: the sink still has its old values', async () => {
  const context = target({ source: ['id'], sink: ['id', 'tier'] }, true);
  expect(await run(context)).toMatchObject({ column: 'tier_2' });
});

test('a second injection into the lab’s own pipeline adds the next column, too', async () => {
  const context = target({ source: ['id'], sink: ['id'] }, false);
  expect(await run(context)).toMatchObject({ column: 'tier' });
  expect(await run(context)).toMatchObject({ column: 'tier_2' });
});

test('a column of another name that begins alike proves nothing', async () => {
  const held = { source: ['id'], sink: ['id'] };
  const context = target(held, true);
  const before = await alterTable.observe(context, PARAMS);
  held.source.push('tier_of_old', 'tiers');
  expect(await alterTable.prove(context, PARAMS, before, {})).toBeUndefined();
});
