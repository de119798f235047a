import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { defineFault } from '../plugins/fault.ts';

/** One row that is larger than a topic takes: legal at the source, refused by the broker. */
export default defineFault({
  description: 'insert one document whose body is larger than a topic takes',
  params: z.strictObject({
    /** Of the body; `max.message.bytes` of a topic is 1 MiB by default. */
    bytes: z.number().int().min(1).max(64_000_000),
  }),
  example: { bytes: 3_000_000 },
  needs: [],

  async observe({ access }) {
    const [row] = await access.query('source', 'SELECT count(*)::int AS rows FROM documents');
    return { rows: Number(row?.rows) };
  },

  async inject({ access }, { bytes }) {
    const id = randomUUID();
    // Random text: a value that a producer's compression would make small proves nothing.
    const [row] = await access.query(
      'source',
      `INSERT INTO documents (id, title, body)
       SELECT $1, 'larger than a topic takes', left(string_agg(md5(random()::text), ''), $2)
         FROM generate_series(1, $2 / 32 + 1)
       RETURNING octet_length(body) AS bytes, pg_current_xact_id()::text AS xid`,
      [id, bytes],
    );
    if (row === undefined) {
      throw new LabError('CDC-5037', 'the document was not inserted', {
        remedy: 'see the log of the source',
      });
    }
    return { id, bytes: Number(row.bytes), xid: row.xid };
  },

  async prove({ access }, { bytes }, before) {
    const rows = await access.query(
      'source',
      `SELECT id::text, octet_length(body) AS bytes, pg_xact_status(xmin::text::xid8)::text AS status
         FROM documents WHERE octet_length(body) >= $1`,
      [bytes],
    );
    const [row] = rows;
    const [count] = await access.query('source', 'SELECT count(*)::int AS rows FROM documents');
    // Another large row would be no proof: the table must have grown.
    if (typeof row?.id !== 'string' || !(Number(count?.rows) > Number(before.rows))) return undefined;
    return { key: row.id, bytes: Number(row.bytes), transaction: row.status };
  },

  async heal() {
    return { said: 'nothing to undo: the row is legal, and stays', evidence: {} };
  },
});
