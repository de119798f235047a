import { expect, test } from 'vitest';
import type { Logger } from '../contract/connector.ts';
import { releaseAll } from './release.ts';

test('a release that fails is reported, and the others still run, latest first', async () => {
  const released: string[] = [];
  const logged: unknown[] = [];
  const log = { error: (_: string, fields: unknown) => logged.push(fields) } as unknown as Logger;
  const resources = new AsyncDisposableStack();
  const fail = (name: string) => async () => {
    released.push(name);
    throw new Error(`${name} is stuck`);
  };
  resources.defer(() => {
    released.push('store');
  });
  resources.defer(fail('producer'));
  resources.defer(fail('stream'));
  resources.defer(() => {
    released.push('jobs');
  });
  await releaseAll(resources, log);
  expect(released).toEqual(['jobs', 'stream', 'producer', 'store']);
  expect(logged).toEqual([{ error: 'stream is stuck' }, { error: 'producer is stuck' }]);
});
