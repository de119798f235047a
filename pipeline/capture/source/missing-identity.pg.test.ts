import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { refuseMissingIdentity } from './missing-identity.ts';

/** What the capture says of captured tables of that schema, and whether the remedy's statement mends the table. */
async function withTables(
  ddl: string,
  use: (client: Client, schema: string) => Promise<void>,
): Promise<void> {
  const schema = `identity_${randomUUID().slice(0, 8)}`;
  const asText = { getTypeParser: () => (value: string) => value };
  const client = new Client({ connectionString: inject('sourceUrl'), types: asText });
  await client.connect();
  try {
    await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${ddl}`);
    await use(client, schema);
  } finally {
    await client.query(`DROP SCHEMA ${schema} CASCADE`);
    await client.end();
  }
}

const DDL = `
  CREATE TABLE keyed (id int PRIMARY KEY);
  CREATE TABLE whole (t text); ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE loose (t text);
  CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING`;

test('a table without replica identity is refused, and the statement that is printed mends it', async () => {
  await withTables(DDL, async (client, schema) => {
    for (const table of ['loose', 'nothing']) {
      const tables = ['keyed', 'whole', table].map((name) => ({ schema, table: name }));
      const refused = refuseMissingIdentity(client, tables, undefined);
      await expect(refused).rejects.toMatchObject({ code: 'CDC-1126' });
      await expect(refused).rejects.toThrow(`${schema}.${table} has no replica identity`);
      const { remedy } = (await refused.catch((error: unknown) => error)) as { remedy: string };
      await client.query(
        /ALTER TABLE \S+ REPLICA IDENTITY (FULL|DEFAULT)/.exec(remedy)?.[0] ?? 'no statement',
      );
      await refuseMissingIdentity(client, tables, undefined);
    }
  });
});

test('tables with an identity, tables that are not captured, and inserts only are not refused', async () => {
  await withTables(DDL, async (client, schema) => {
    await refuseMissingIdentity(
      client,
      [
        { schema, table: 'keyed' },
        { schema, table: 'whole' },
      ],
      undefined,
    );
    await refuseMissingIdentity(client, [], undefined);
    await refuseMissingIdentity(client, [{ schema, table: 'loose' }], ['insert', 'truncate']);
    await expect(refuseMissingIdentity(client, [{ schema, table: 'loose' }], ['update'])).rejects.toThrow();
  });
});

test('an index that was the identity and has been dropped leaves a table without one', async () => {
  const ddl = `
    CREATE TABLE indexed (id int PRIMARY KEY, code text NOT NULL CONSTRAINT indexed_code UNIQUE);
    ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_code`;
  await withTables(ddl, async (client, schema) => {
    const tables = [{ schema, table: 'indexed' }];
    await refuseMissingIdentity(client, tables, undefined);
    await client.query('ALTER TABLE indexed DROP CONSTRAINT indexed_code');
    const refused = refuseMissingIdentity(client, tables, undefined);
    await expect(refused).rejects.toMatchObject({ code: 'CDC-1126' });
    await expect(refused).rejects.toThrow(`${schema}.indexed has no replica identity`);
  });
});

test('a leaf of a partitioned table is refused, also below another partitioned table', async () => {
  const ddl = `
    CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE middle PARTITION OF parted FOR VALUES FROM (0) TO (20) PARTITION BY RANGE (id);
    CREATE TABLE leaf PARTITION OF middle FOR VALUES FROM (0) TO (10)`;
  await withTables(ddl, async (client, schema) => {
    const tables = [{ schema, table: 'parted' }];
    await refuseMissingIdentity(client, tables, undefined);
    await client.query('ALTER TABLE leaf REPLICA IDENTITY NOTHING');
    const refused = refuseMissingIdentity(client, tables, undefined);
    await expect(refused).rejects.toThrow(`${schema}.leaf has no replica identity`);
    await client.query('ALTER TABLE leaf REPLICA IDENTITY DEFAULT');
    await refuseMissingIdentity(client, tables, undefined);
  });
});
