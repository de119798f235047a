import { expect, onTestFinished, test, vi } from 'vitest';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { databasePair } from '../testing/databases.ts';
import { BackgroundScan } from './background-scan.ts';

test('a clock that is set back delays no scan', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)');
  const [source] = (await readCatalogue(pair.source)).values();
  const [copy] = (await readCatalogue(pair.sink)).values();
  if (source === undefined || copy === undefined) throw new Error('the test needs both tables');
  const { id } = source;
  const databases = { source: async () => pair.source, sink: async () => pair.sink };
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await using scan = new BackgroundScan(databases, [{ id, source, copy }], {
    ...{ scanEveryMs: 1_000, scanShare: 1, rowsOf: () => 1, signal: AbortSignal.timeout(60_000) },
  });
  vi.setSystemTime(Date.now() - 3_600_000);
  scan.run(() => true).catch(() => undefined);
  await expect.poll(() => scan.wholeAtMs(id), { timeout: 10_000 }).not.toBeNull();
});
