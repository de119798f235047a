import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { REFUSED_TYPES } from '../../../harness/parity/workload.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { DEFAULTS } from '../../envelope/testing/fixtures.ts';
import { describeForSnapshot, lookUpTable } from './catalogue.ts';

test('each type that no event can hold is refused by the name of its column', async () => {
  const schema = `refused_${randomUUID().slice(0, 8)}`;
  const asText = { getTypeParser: () => (value: string) => value };
  const client = new Client({ connectionString: inject('sourceUrl'), types: asText });
  await client.connect();
  try {
    await client.query(
      `CREATE SCHEMA ${schema}; SET search_path = ${schema};
       CREATE TYPE pair AS (a int, b text); CREATE DOMAIN price AS numeric(10, 2)`,
    );
    const encoder = createEventEncoder(DEFAULTS);
    const refused: string[] = [];
    for (const [i, type] of REFUSED_TYPES.entries()) {
      await client.query(`CREATE TABLE t${i} (id int PRIMARY KEY, c${i} ${type})`);
      const table = await lookUpTable(client, schema, `t${i}`);
      if (table === undefined) throw new Error(`t${i} is not in the catalogue`);
      try {
        encoder.describe(describeForSnapshot(table, ['id', `c${i}`]));
      } catch (error) {
        if (String(error).includes(`Column c${i} of ${schema}.t${i} has type`)) refused.push(type);
      }
    }
    expect(refused).toEqual(REFUSED_TYPES);
  } finally {
    await client.query(`DROP SCHEMA ${schema} CASCADE`);
    await client.end();
  }
});
