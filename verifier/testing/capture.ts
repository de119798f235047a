import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The REST API of a Connect worker whose only connector is a capture that has nothing left to do. */
export interface FakeCapture extends AsyncDisposable {
  /** As the verifier's configuration has it. */
  readonly connector: { readonly name: string; readonly url: string; readonly type: 'source' };
}

/** @param settings Keys of the connector's configuration besides its class. */
export async function fakeCapture(settings: Readonly<Record<string, string>>): Promise<FakeCapture> {
  const config = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    ...settings,
  };
  const answers: Readonly<Record<string, unknown>> = {
    status: { connector: { state: 'RUNNING' }, tasks: [{ state: 'RUNNING' }] },
    offsets: { offsets: [{ offset: { lsn: 1 } }] },
    config,
  };
  const server = createServer((request, response) => {
    response.end(JSON.stringify(answers[request.url?.split('/').at(-1) ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    connector: { name: 'shop-source', url: `http://127.0.0.1:${port}`, type: 'source' },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
