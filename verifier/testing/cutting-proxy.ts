import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy to a server. It cuts all connections after a number of answered bytes, and stays cut. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Bytes that the server has answered over all connections. */
  readonly bytes: () => number;
  readonly isCut: () => boolean;
}

/** @param afterBytes Infinity: the proxy never cuts. */
export async function cuttingProxy(to: string, afterBytes: number): Promise<CuttingProxy> {
  const target = new URL(to);
  const open = new Set<Socket>();
  let [bytes, cut] = [0, false];
  const breakAll = (): void => {
    cut = true;
    for (const socket of open) socket.destroy();
  };
  const server = createServer((client) => {
    if (cut) return void client.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      // When one end closes, the other end is closed too.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > afterBytes) breakAll();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: Object.assign(new URL(to), { hostname: '127.0.0.1', port: String(port) }).href,
    bytes: () => bytes,
    isCut: () => cut,
    [Symbol.asyncDispose]: async () => {
      breakAll();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
