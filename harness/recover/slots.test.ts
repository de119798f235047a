import { describe, expect, it } from 'vitest';
import slotDrop from './slot-drop.ts';
import slotRecreate from './slot-recreate.ts';
import { contextOf, FakeConnect } from './testing/fake-connect.ts';

const own = {
  ...{ slot_name: 'lab', slot_type: 'logical', database: 'shop', here: true },
  ...{ active: false, active_pid: null, confirmed: '0/1', wal_status: 'reserved', retained: 7 },
};

describe('slot recreate', () => {
  it.each([
    ['a standby server', { slot_type: 'physical', database: null, here: false }],
    ['the database other', { database: 'other', here: false }],
  ])('refuses a slot of %s before it stops the capture', async (owner, over) => {
    const connect = await FakeConnect.start();
    const context = await contextOf(connect, async () => [{ ...own, ...over }]);
    await expect(slotRecreate.plan(context, {})).rejects.toThrow(`belongs to ${owner}`);
    await expect(slotRecreate.run(context, {})).rejects.toThrow(`belongs to ${owner}`);
    expect(connect.told).toEqual([]);
  });

  it('does not go on when the slot is there after it was dropped', async () => {
    const connect = await FakeConnect.start();
    Object.assign(connect, { connector: 'STOPPED', task: null });
    const context = await contextOf(connect, async () => [own]);
    await expect(slotRecreate.run(context, {})).rejects.toThrow('is there again');
    expect(connect.told).toEqual(['PUT /connectors/source/stop']);
  });
});

it('slot drop says when the slot is there again', async () => {
  const context = await contextOf({ url: '' }, async () => [own]);
  await expect(slotDrop.run(context, {})).rejects.toMatchObject({ code: 'CDC-5502' });
});
