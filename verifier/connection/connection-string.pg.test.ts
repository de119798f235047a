import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { Database } from './postgres.ts';

let pair: DatabasePair;
beforeAll(async () => {
  pair = await databasePair();
});
afterAll(() => pair?.[Symbol.asyncDispose]());

test.each(['a@b/c+d', 'a%2Fb c', 'größe', 'a?b#c'])(
  'the database "%s" is the one that is opened',
  async (suffix) => {
    const name = `${new URL(pair.sourceUrl).pathname.slice(1)} ${suffix}`;
    const quoted = pg.escapeIdentifier(name);
    await pair.onSource(`CREATE DATABASE ${quoted}`);
    try {
      const url = Object.assign(new URL(pair.sourceUrl), { pathname: `/${encodeURIComponent(name)}` }).href;
      await using database = await Database.connect('source', url, 10_000);
      expect(await database.one('SELECT current_database() AS name')).toEqual({ name });
    } finally {
      await pair.onSource(`DROP DATABASE ${quoted} WITH (FORCE)`);
    }
  },
);
