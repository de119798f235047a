import { type DatabasePair, databasePair } from './databases.ts';

const SHOP = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, version bigint);
  CREATE TABLE orders (id int PRIMARY KEY, amount numeric(12,2), version bigint);
  INSERT INTO customers SELECT i, 'c' || i, 1 FROM generate_series(1, 50) i;
  INSERT INTO orders SELECT i, i, 1 FROM generate_series(1, 50) i`;

/** A pair with two tables of 50 equal rows each. */
export async function shop(): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onBoth(SHOP);
  return pair;
}
