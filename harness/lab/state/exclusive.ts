import { createServer, type Server } from 'node:net';

/**
 * Mutual exclusion between processes of one machine. A socket with an abstract name (unix(7)) belongs to one
 * process, and the kernel releases it when that process ends, however it ends. So no lock is ever stale.
 *
 * @returns a function that releases it, or undefined if another process holds it.
 */
export function tryExclusive(name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0cdc-lab/${name}` }, () => {
      // It must not keep the process alive.
      server.unref();
      resolve(() => close(server));
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
