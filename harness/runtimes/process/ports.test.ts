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

test('a port on which somebody listens is not free', async () => {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
});

test('where every try gives the same port, the search ends with an error', async () => {
  await expect(freePorts(2, () => 0.5)).rejects.toMatchObject({ code: 'CDC-5101' });
});
