import { expect, test, vi } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import type { Report } from '../report.ts';
import { lateReport } from '../verification/late-report.ts';
import { VerifierService } from './service.ts';

const begun = vi.hoisted((): { deadlineMs: number; end: () => void }[] => []);
vi.mock('../verification/verify.ts', () => ({
  verify: async ({ deadlineMs }: { deadlineMs: number }): Promise<Report> => {
    await new Promise<void>((end) => begun.push({ deadlineMs, end }));
    return { ...lateReport(0, 'a test'), verdict: 'PASS' };
  },
}));

test('a verification that begins when nobody waits for it any more has its time, because its report is kept', async () => {
  const url = 'postgres://postgres@127.0.0.1:9/none';
  const raw = { port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 7_000 };
  const config = parseConfig({ ...raw, source: { url, slot: null }, sink: { url } }, 'test');
  const service = new VerifierService(config, []);
  const first = service.verify();
  await expect.poll(() => begun.length).toBe(1);
  expect(await service.verifyWithin(50)).toMatchObject({ verdict: 'INCONCLUSIVE' });
  begun[0]?.end();
  await first;
  await expect.poll(() => begun.length).toBe(2);
  expect(begun[1]?.deadlineMs).toBe(7_000);
  begun[1]?.end();
  await service.stop();
});
