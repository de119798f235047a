import { expect, it } from 'vitest';
import { changedConfig, changesOf } from './config-change.ts';
import { lossOf } from './lossy-settings.ts';

const before = {
  'table.include.list': 'public.a,public.b',
  'delete.enabled': 'true',
  'field.include.list': 't:id',
};

function lossBy(set: Record<string, string>, remove: string[] = []): string | null {
  const wanted = { set, remove };
  return lossOf(changesOf(before, wanted), changedConfig(before, wanted));
}

it.each([
  [{ 'table.include.list': 'public.a' }, 'changes of tables of public.b'],
  [{ topics: 'lab.a' }, 'records of topics other than lab.a'],
  [{ 'delete.enabled': 'false' }, 'deletes'],
  [{ 'skipped.operations': 't,d' }, 'TRUNCATEs, deletes'],
  [{ 'errors.tolerance': 'all' }, 'they are skipped'],
  [{ 'table.exclude.list': 'public.b' }, 'changes of public.b'],
  [{ 'snapshot.mode': 'no_data' }, 'rows from before the slot'],
  [{ 'dedup.mode': 'none' }, 'newer values'],
])('%j loses data, and the sentence says which', (set, says) => {
  expect(lossBy(set)).toContain(says);
});

it('a removed key counts by what its absence means', () => {
  expect(lossBy({}, ['delete.enabled'])).toContain('delete.enabled loses deletes');
  expect(lossBy({}, ['field.include.list', 'table.include.list'])).toBeNull();
});

it('settings that leave nothing out lose nothing', () => {
  const dead = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dead' };
  for (const set of [dead, { 'batch.size': '7' }, { 'table.include.list': 'public.b,public.a,public.c' }])
    expect(lossBy(set)).toBeNull();
});
