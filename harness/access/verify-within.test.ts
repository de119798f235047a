import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Instance } from '../lab/lab.ts';
import { openAccess } from './live-access.ts';

test('a verifier that does not answer, as one that is stopped, is INCONCLUSIVE within the deadline and a second', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const verifierUrl = `http://127.0.0.1:${port}`;
  const instance: Partial<Instance> = { verifierUrl, bootstrapServers: ['127.0.0.1:9'] };
  await using access = await openAccess(instance as Instance);
  const startedMs = performance.now();
  const { verdict, findings } = await access.verifyWithin(200, new AbortController().signal);
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  expect([verdict, findings.map(({ detail }) => detail)]).toEqual([
    'INCONCLUSIVE',
    ['no answer within 0.2 s: the verifier did not answer; ask again with a longer deadline'],
  ]);
  server.closeAllConnections();
  server.close();
});
