import { LabError } from '../../pipeline/contract/errors.ts';
import type { Database } from '../connection/postgres.ts';

/**
 * Calls each function of `compare/hash.ts` on a sample. The texts have every length up to 99 characters, because the hash
 * function treats lengths modulo 12 differently (src/common/hashfn.c).
 */
const SAMPLE = `
  SELECT sum(hashtextextended(substr(repeat('0a|é€,"\\ZZ~ 7', 9), 1, n) COLLATE "C", 8674665223082153551))::text || ' ' ||
         sum(hashint8extended(n * 4294967297 - 7, 7210403941))::text || ' ' ||
         sum(hashint4extended(n * 40503 - 7, 7210403941))::text || ' ' ||
         sum(hashint2extended((n * 331 - 7)::int2, 7210403941))::text || ' ' ||
         sum(hash_numeric_extended((n - 50) * 1000.01, 7210403941))::text || ' ' ||
         sum(uuid_hash_extended(lpad(to_hex(n * 48271), 32, 'f3')::uuid, 7210403941))::text || ' ' ||
         max(encode(timestamp_send('infinity'), 'hex') || encode(timestamp_send('4713-01-01 BC'), 'hex') ||
             encode(timestamptz_send('1999-12-31 23:59:59.999999Z'), 'hex') ||
             encode(date_send('-infinity'), 'hex') || encode(time_send('24:00'), 'hex')) || ' ' ||
         (ROW(1.10::numeric, '1 month'::interval, 'a,"b'::text, NULL::text, ''::text, 0.1::float8)::text) AS hash
  FROM generate_series(0, 99) n`;

/** @throws if comparing the two would mean nothing. */
export async function mustBeComparable(source: Database, sink: Database): Promise<void> {
  await mustBeTwo(source, sink);
  await mustHashAlike(source, sink);
}

/**
 * Servers of different versions, or on different hardware, might hash the same text differently, and different encodings
 * spell it in different bytes. Then sums of hashes could not be compared. @throws if that is the case.
 */
async function mustHashAlike(source: Database, sink: Database): Promise<void> {
  const encoding = `SELECT current_setting('server_encoding') AS name`;
  const [{ name: from }, { name: to }] = await Promise.all([source.one(encoding), sink.one(encoding)]);
  if (from !== to) throw new Error(`the source's encoding is ${from} and the sink's is ${to}`);
  const sample = from === 'UTF8' ? SAMPLE : SAMPLE.replace('é€', '');
  const [ours, theirs] = await Promise.all([source.one(sample), sink.one(sample)]);
  if (ours.hash !== theirs.hash) throw new Error('the two servers hash the same row differently');
}

/** @throws LabError CDC-4064 if both connections lead to the same database, under whatever names: it equals itself. */
export async function mustBeTwo(source: Database, sink: Database): Promise<void> {
  const place = `SELECT pg_postmaster_start_time()::text AS server, current_database() AS name`;
  const [ours, theirs] = await Promise.all([source.one(place), sink.one(place)]);
  if (ours.server === theirs.server && ours.name === theirs.name) {
    throw new LabError('CDC-4064', 'The source and the sink are the same database.', {
      remedy: 'Name two different databases, with --source and --sink or in the configuration.',
    });
  }
}

/** Why the output of `test_decoding` cannot be read; null if it can. It comes in the database's encoding. */
export async function encodingProblem(source: Database): Promise<string | null> {
  const { encoding } = await source.one(`SELECT current_setting('server_encoding') AS encoding`);
  return encoding === 'UTF8'
    ? null
    : `the source's encoding is ${encoding}, and a slot can only be read in UTF8`;
}
