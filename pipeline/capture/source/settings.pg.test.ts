import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parseConfig } from '../config/source-config.ts';
import { CONNECTOR_CLASS } from '../config/source-keys.ts';
import { lookUpTable } from './catalogue.ts';
import { connect, disconnect } from './connection.ts';

const name = `capture_${randomUUID().slice(0, 8)}`;
const admin = new Client({ connectionString: inject('sourceUrl') });
beforeAll(async () => {
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
});
afterAll(async () => {
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.end();
});

/** What a session of the capture reads of a table and of a statement. */
async function read(): Promise<unknown> {
  const { hostname, port, username, password } = new URL(inject('sourceUrl'));
  const config = parseConfig({
    'connector.class': CONNECTOR_CLASS,
    'database.hostname': hostname,
    'database.port': port,
    'database.user': decodeURIComponent(username),
    'database.password': decodeURIComponent(password),
    'database.dbname': name,
    'topic.prefix': 'p',
  });
  const client = await connect(config, 'sql', 'test');
  try {
    await client.query(`CREATE TABLE IF NOT EXISTS public.items (id int PRIMARY KEY, state text DEFAULT 'new',
      tags text[] DEFAULT '{a,NULL}', at timestamptz DEFAULT now())`);
    const sql = `SELECT '{NULL}'::text[] AS listed, length('a\\b') AS length, 1 = NULL AS compared,
      '<a/>b'::text::xml AS document, '1 mon'::interval AS period, '2026-03-04Z'::timestamptz AS at`;
    const { rows } = await client.query(sql);
    return [rows, (await lookUpTable(client, 'public', 'items'))?.columns];
  } finally {
    await disconnect(client);
  }
}

test.each([
  'array_nulls = off',
  'standard_conforming_strings = off',
  'quote_all_identifiers = on',
  'transform_null_equals = on',
  'xmloption = document',
  "IntervalStyle = 'iso_8601'",
  "DateStyle = 'German'",
  "TimeZone = 'Asia/Kolkata'",
])('the capture reads tables and statements alike in a database with %s', async (setting) => {
  const before = await read();
  await admin.query(`ALTER DATABASE ${name} SET ${setting}`);
  try {
    expect(await read()).toEqual(before);
  } finally {
    await admin.query(`ALTER DATABASE ${name} RESET ALL`);
  }
});
