import { expect, test } from 'vitest';
import { loadScenario } from '../plugins/catalogue.ts';
import { whyNotLive } from './live-pipeline.ts';

test.each(['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill', 'replica-identity'])(
  '%s leaves the standing pipeline as it was',
  async (id) => {
    expect(await whyNotLive(await loadScenario(id))).toBeUndefined();
  },
);

test.each(['thundering-herd', 'table-added', 'ddl-in-snapshot'])(
  '%s would not leave it as it was, and is refused',
  async (id) => {
    expect(await whyNotLive(await loadScenario(id))).toMatch(/^takes parts of the pipeline away/);
  },
);

test('one that needs a server or tables of its own is refused, and says which', async () => {
  expect(await whyNotLive(await loadScenario('slot-lost'))).toContain('(pg-source)');
  expect(await whyNotLive(await loadScenario('no-primary-key'))).toMatch(/^needs tables of its own/);
});
