import { expect, test } from 'vitest';
import { OwnSlot } from './own-slot.ts';

test.each(['source', 'sink'] as const)(
  'a secret of the %s that is missing is told of its URL',
  async (side) => {
    const created = OwnSlot.create('postgres://reader:${env:NOT_SET_IN_THE_TEST}@127.0.0.1:1/items', {
      ...{ side, creationMs: 1_000, signal: new AbortController().signal },
      cancel: async () => undefined,
    });
    await expect(created).rejects.toThrow(`${side}.url`);
  },
);
