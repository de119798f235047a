import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, isFree } from './ports.ts';

test('ports are different, free, and outside the range from which clients get theirs', async () => {
  const ports = await freePorts(8);
  expect(new Set(ports).size).toBe(8);
  for (const port of ports) {
    expect(port).toBeGreaterThanOrEqual(10_000);
    expect(port).toBeLessThan(32_768);
    expect(await isFree(port)).toBe(true);
  }
});

test('a port that something listens on is not free', async () => {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
});

test('a port that fetch refuses is never chosen', async () => {
  // The first draw gives 10080, the second the port after it.
  const draws = [80, 81].map((above) => (above + 0.5) / (32_767 - 10_000 + 1));
  await expect(fetch('http://127.0.0.1:10080/')).rejects.toMatchObject({ cause: { message: 'bad port' } });
  expect(await freePorts(1, () => draws.shift() ?? 0)).toEqual([10_081]);
});

test('the search ends with an error when every attempt gives the same port', async () => {
  await expect(freePorts(2, () => 0.5)).rejects.toMatchObject({ code: 'CDC-5101' });
});
