import { describe, expect, inject, test } from 'vitest';
import { Bench } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));

/** A role that may replicate and nothing else; the configuration that logs in as it. */
async function withRole(lab: Bench): Promise<Record<string, string>> {
  await lab.sql.query(`CREATE ROLE ${lab.id} LOGIN REPLICATION PASSWORD 'secret'`);
  await lab.sql.query(`GRANT CREATE ON DATABASE ${lab.id} TO ${lab.id}`);
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, owner text)');
  await lab.sql.query(`CREATE PUBLICATION pub_${lab.id} FOR TABLE item`);
  return { 'database.user': lab.id, 'database.password': 'secret', 'signal.data.collection': '' };
}

/** The error that stops the task, with nothing created before it. */
async function refusal(lab: Bench, overrides: Record<string, string>): Promise<unknown> {
  const task = await lab.start(overrides);
  const error = await task.done.catch((reason: unknown) => reason);
  const { rows } = await lab.sql.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [lab.slot]);
  expect(rows).toEqual([]);
  await lab.sql.query(`DROP OWNED BY ${lab.id}; DROP ROLE ${lab.id}`);
  return error;
}

describe('the task', () => {
  test('refuses a table whose policies hide rows from its role', async () => {
    await using lab = await bench();
    const login = await withRole(lab);
    await lab.sql.query(`GRANT SELECT ON item TO ${lab.id}; ALTER TABLE item ENABLE ROW LEVEL SECURITY`);
    await lab.sql.query("CREATE POLICY mine ON item USING (owner = 'me')");
    expect(await refusal(lab, login)).toMatchObject({
      code: 'CDC-1123',
      message: expect.stringContaining('public.item'),
      remedy: expect.stringContaining(`ALTER ROLE "${lab.id}" BYPASSRLS`),
    });
  });

  test('refuses a table that its role may not read, or may read only some columns of', async () => {
    await using lab = await bench();
    const login = await withRole(lab);
    await lab.sql.query(`GRANT SELECT (id) ON item TO ${lab.id}; REVOKE USAGE ON SCHEMA public FROM PUBLIC`);
    const remedy = `GRANT USAGE ON SCHEMA "public" TO "${lab.id}"; GRANT SELECT ON "public"."item" TO "${lab.id}"`;
    expect(await refusal(lab, login)).toMatchObject({
      code: 'CDC-1124',
      message: expect.stringContaining('public.item'),
      remedy: expect.stringContaining(remedy),
    });
  });
});
