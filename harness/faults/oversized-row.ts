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
  touches: ['instance'],

  async observe() {
    return {};
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

  /** Another large row is no proof: the one that was inserted must be there, and its transaction committed. */
  async prove({ access }, { bytes }, _, { id, xid }) {
    if (typeof id !== 'string' || typeof xid !== 'string') return undefined;
    const [row] = await access.query(
      'source',
      `SELECT octet_length(body) AS bytes, pg_xact_status($2::xid8) AS status FROM documents WHERE id = $1`,
      [id, xid],
    );
    if (row?.status !== 'committed' || Number(row.bytes) < bytes) return undefined;
    return { key: id, bytes: Number(row.bytes), transaction: row.status };
  },

  async heal() {
    return { said: 'nothing to undo: the row is legal, and stays', evidence: {} };
  },
});
