import type { Database } from '../postgres.ts';

/** Types that are hashed as they are (`compare/canonical.ts`), and text. */
const SAMPLE = `
  SELECT hash_record_extended(ROW(true, 1::int2, 2::int4, 3::oid, '4bf8e2a0-0000-4000-8000-000000000001'::uuid,
    '2026-01-02'::date, '\\x00ff'::bytea, 'text'::text COLLATE "C", NULL::text), 42)::text AS hash`;

/**
 * Two servers of other versions, or on other hardware, might hash one value differently; then no sum of hashes means
 * anything. @throws where they do.
 */
export async function mustHashAlike(source: Database, sink: Database): Promise<void> {
  const [ours, theirs] = [await source.one(SAMPLE), await sink.one(SAMPLE)];
  if (ours.hash !== theirs.hash) throw new Error('the two servers hash one and the same row differently');
}

/** Why the output of `test_decoding` cannot be read; null where it can. It comes in the database's own encoding. */
export async function encodingProblem(source: Database): Promise<string | null> {
  const { encoding } = await source.one(`SELECT current_setting('server_encoding') AS encoding`);
  return encoding === 'UTF8'
    ? null
    : `the source's encoding is ${encoding}, and only UTF8 is read from its slot`;
}
