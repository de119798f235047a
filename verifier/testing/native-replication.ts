import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DatabasePair } from './databases.ts';

export const ORDERS = 'CREATE TABLE orders (id int PRIMARY KEY, status text, amount numeric, version bigint)';
export const FILLED = `INSERT INTO orders SELECT i, 'new', i * 1.10, 1 FROM generate_series(1, 5000) i`;

/** Name of the subscription of {@link replicateOrders}. A slot's name must be unique on its server, as a database's is. */
export function subscriptionOf(pair: DatabasePair): string {
  return new URL(pair.sourceUrl).pathname.slice(1);
}

/** Replicates 5,000 orders by PostgreSQL's own publication and subscription: a pipeline that is not this lab's. */
export async function replicateOrders(pair: DatabasePair): Promise<AsyncDisposable> {
  await pair.onSource(`${ORDERS}; ${FILLED}; CREATE PUBLICATION all_orders FOR TABLE orders`);
  await pair.onSink(ORDERS);
  const { hostname, port, username, password, pathname } = new URL(pair.sourceUrl);
  const secret = password === '' ? '' : ` password=${password}`;
  const link = `host=${hostname} port=${port} user=${username}${secret} dbname=${pathname.slice(1)}`;
  const name = subscriptionOf(pair);
  await pair.onSink(`CREATE SUBSCRIPTION ${name} CONNECTION '${link}' PUBLICATION all_orders`);
  return { [Symbol.asyncDispose]: () => pair.onSink(`DROP SUBSCRIPTION ${name}`) };
}

/** Updates, inserts and deletes orders with ids below 4,000, about one per millisecond, until it is disposed of. */
export function writeOrders(url: string): AsyncDisposable & { readonly written: () => number } {
  let running = true;
  let written = 0;
  const done = (async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      for (; running; written++) {
        const id = (written * 37) % 4000;
        await client.query(
          written % 4 === 0
            ? `INSERT INTO orders VALUES (${10_000 + written}, 'in', 1, 1)`
            : `UPDATE orders SET status = 'w${written}', version = version + 1 WHERE id = ${id}`,
        );
        if (written % 8 === 1) await client.query(`DELETE FROM orders WHERE id = ${10_000 + written - 1}`);
        await sleep(1);
      }
    } finally {
      await client.end();
    }
  })();
  done.catch(() => undefined);
  return {
    written: () => written,
    [Symbol.asyncDispose]: async () => {
      running = false;
      await done;
    },
  };
}
