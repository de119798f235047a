import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { LabError } from '../../../pipeline/contract/errors.ts';

const LOWEST = 10_000;
/** Below every usual ephemeral range: a client that polls a closed ephemeral port can connect to itself. */
const HIGHEST = 32_767;
/** Amanda's port, which `fetch` refuses to contact ("bad port"): a probe there could never succeed. */
const REFUSED_BY_FETCH = 10_080;
const ATTEMPTS = 2_000;

/**
 * Free ports of 127.0.0.1, all different, outside the kernel's ephemeral range.
 *
 * @throws LabError CDC-5101 if there are not enough.
 */
export async function freePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const highest = Math.min(HIGHEST, ephemeralRangeStart() - 1);
  const held: { port: number; server: Server }[] = [];
  try {
    // Each stays open until all are found, so that none is found twice.
    for (let attempt = 0; held.length < count; attempt++) {
      if (attempt >= ATTEMPTS || highest < LOWEST) {
        throw new LabError(
          'CDC-5101',
          `There are not ${count} free ports between ${LOWEST} and ${highest}.`,
          {
            remedy:
              'Stop what listens there, or raise the start of the kernel’s ephemeral range (ip_local_port_range).',
          },
        );
      }
      const port = LOWEST + Math.floor(random() * (highest - LOWEST + 1));
      const server = port === REFUSED_BY_FETCH ? undefined : await listen(port);
      if (server !== undefined) held.push({ port, server });
    }
    return held.map((entry) => entry.port);
  } finally {
    await Promise.all(held.map((entry) => new Promise((resolve) => entry.server.close(resolve))));
  }
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}

function ephemeralRangeStart(): number {
  const [start] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/);
  return Number(start);
}
