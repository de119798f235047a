import { expect, test } from 'vitest';
import type { OffsetAnswer } from '../connect/answers.ts';
import type { FaultContext } from '../plugins/fault.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import loseOffsets from './lose-offsets.ts';

const stored: OffsetAnswer = { partition: { server: 's' }, offset: { lsn: 7 } };
const SLOT = { name: 's', confirmed: '0/7', xmin: '700' };

/** What the fault makes of offsets before and after, with the slot and the connector that there are afterwards. */
async function proofOf(
  before: readonly OffsetAnswer[],
  { offsets = [] as readonly OffsetAnswer[], slot = SLOT, connector = 'c', done = { slot: SLOT } as object },
): Promise<unknown> {
  const world = new FakeWorld();
  const seen = { offsets: before, connector: 'c' };
  const access = {
    ...(await world.access()),
    query: async () => [slot],
    connectorOffsets: async () => seen.offsets,
    connectorStatus: async () => ({ name: seen.connector }),
  };
  const context = { access, instance: world.instance('s', '/nowhere') } as unknown as FaultContext;
  const observed = await loseOffsets.observe(context, { transactions: 1 });
  Object.assign(seen, { offsets, connector });
  return await loseOffsets.prove(context, { transactions: 1 }, observed, { ...done });
}

test('offsets that were stored and are gone are the proof, with the slot and the connector of before', async () => {
  expect(await proofOf([stored], {})).toMatchObject({ offsetsBefore: [stored], offsetsNow: [], slot: SLOT });
  const emptied = [{ ...stored, offset: null }];
  expect(await proofOf([stored], { offsets: emptied })).toMatchObject({ offsetsNow: emptied });
});

test('offsets that were never stored, or are still there, prove nothing', async () => {
  expect(await proofOf([], {})).toBeUndefined();
  expect(await proofOf([{ ...stored, offset: null }], {})).toBeUndefined();
  expect(await proofOf([stored], { offsets: [stored] })).toBeUndefined();
});

test('another slot or another connector is another failure, and a run without inject proves nothing', async () => {
  expect(await proofOf([stored], { slot: { ...SLOT, confirmed: '0/9' } })).toBeUndefined();
  expect(await proofOf([stored], { connector: 'renamed' })).toBeUndefined();
  expect(await proofOf([stored], { done: {} })).toBeUndefined();
});
