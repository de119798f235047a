import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type PgOutputMessage, UNCHANGED_TOAST } from '../contract/pgoutput.ts';
import { createPgOutputDecoder } from './decode.ts';

const decodePgOutput = createPgOutputDecoder();

const name = `pgoutput_${randomBytes(4).toString('hex')}`;
let admin: Client;
let client: Client;

beforeEach(async () => {
  admin = new Client(inject('sourceUrl'));
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(inject('sourceUrl'));
  url.pathname = `/${name}`;
  client = new Client(url.href);
  await client.connect();
});

afterEach(async () => {
  await client.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [name],
  );
  await client.end();
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.end();
});

test('each kind of change is decoded as PostgreSQL made it', async () => {
  await run(`
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE plain (id int PRIMARY KEY, body text, mood mood);
    ALTER TABLE plain ALTER body SET STORAGE EXTERNAL;
    CREATE TABLE "Odd é" ("Käy" text, n numeric(6,2));
    ALTER TABLE "Odd é" REPLICA IDENTITY FULL;
    CREATE PUBLICATION ${name} FOR ALL TABLES`);
  await client.query(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  const big = 'é'.repeat(3_000);
  const changes = [
    `INSERT INTO plain VALUES (1, '${big}', 'happy'), (2, NULL, NULL)`,
    'UPDATE plain SET mood = NULL WHERE id = 1',
    'UPDATE plain SET id = 3 WHERE id = 2',
    'DELETE FROM plain WHERE id = 3',
    `INSERT INTO "Odd é" VALUES ('😀', 1.5)`,
    'UPDATE "Odd é" SET n = 2',
    'DELETE FROM "Odd é"',
    'TRUNCATE plain, "Odd é" RESTART IDENTITY CASCADE',
    `SELECT pg_logical_emit_message(true, 'prefix', 'content')`,
  ];
  for (const change of changes) await client.query(change);

  const messages = await received("'messages', 'true'");
  const relations = new Map(
    messages.flatMap((m) => (m.tag === 'relation' ? [[m.relationOid, m.table]] : [])),
  );
  expect([...new Set(relations.values())]).toEqual(['plain', 'Odd é']);
  expect(messages.flatMap((m) => (m.tag === 'type' ? [m.name] : []))).toContain('mood');
  expect(messages.find((m) => m.tag === 'relation' && m.table === 'Odd é')).toMatchObject({
    schema: 'public',
    replicaIdentity: 'full',
    columns: [
      { isIdentity: true, name: 'Käy', typeOid: 25, typeModifier: -1 },
      { isIdentity: true, name: 'n', typeOid: 1700, typeModifier: ((6 << 16) | 2) + 4 },
    ],
  });
  const changed = messages.filter((m) => 'relationOid' in m && m.tag !== 'relation');
  expect(changed).toMatchObject([
    { tag: 'insert', after: ['1', big, 'happy'] },
    { tag: 'insert', after: ['2', null, null] },
    { tag: 'update', beforeKind: 'none', before: null, after: ['1', UNCHANGED_TOAST, null] },
    { tag: 'update', beforeKind: 'key', before: ['2', null, null], after: ['3', null, null] },
    { tag: 'delete', beforeKind: 'key', before: ['3', null, null] },
    { tag: 'insert', after: ['😀', '1.50'] },
    { tag: 'update', beforeKind: 'full', before: ['😀', '1.50'], after: ['😀', '2.00'] },
    { tag: 'delete', beforeKind: 'full', before: ['😀', '2.00'] },
  ]);
  expect(messages.filter((m) => m.tag === 'truncate')).toMatchObject([
    { relationOids: [...relations.keys()], cascade: true, restartIdentity: true },
  ]);
  expect(messages.filter((m) => m.tag === 'message')).toMatchObject([
    { transactional: true, prefix: 'prefix', content: Buffer.from('content') },
  ]);
});

test('a transaction has the LSN and the time of its commit', async () => {
  await run(`CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION ${name} FOR ALL TABLES`);
  await client.query(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  const earliest = BigInt(Date.now() - 60_000) * 1000n;
  const { rows } = await client.query('INSERT INTO t VALUES (1) RETURNING pg_current_xact_id()::text AS xid');
  const messages = await received("'messages', 'false'");
  const [begin] = messages;
  const commit = messages.at(-1);
  if (begin?.tag !== 'begin' || commit?.tag !== 'commit') throw new Error('a transaction was expected');
  expect(begin.xid).toBe(Number(rows[0].xid));
  expect(commit.commitLsn).toBe(begin.finalLsn);
  expect(commit.endLsn).toBeGreaterThan(commit.commitLsn);
  expect(commit.commitTimeUs).toBe(begin.commitTimeUs);
  expect(begin.commitTimeUs).toBeGreaterThan(earliest);
  expect(begin.commitTimeUs).toBeLessThan(earliest + 120_000_000n);
});

async function run(script: string): Promise<void> {
  await client.query(script);
}

/** All messages of the slot. `options` are further options of pgoutput, as SQL. */
async function received(options: string): Promise<PgOutputMessage[]> {
  const { rows } = await client.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_get_binary_changes('${name}', NULL, NULL,
       'proto_version', '1', 'publication_names', '${name}', ${options})`,
  );
  return rows.map(({ data }) => decodePgOutput(data));
}
