import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import { DEDUP_TABLE } from '../../contract/sink-tables.ts';
import type { TableChanges } from '../bind/binder.ts';
import type { Change } from '../bind/change.ts';
import { arrayParameter } from './array-parameter.ts';
import type { Batch } from './batch.ts';

/**
 * `dedup.mode=table`: records the events of a batch in the dedup table, and returns only the changes that are new.
 * Tombstones are not events; they stay.
 */
export async function dropSeen(
  client: ClientBase,
  connector: string,
  { claim, records }: Batch,
  { table, changes }: TableChanges,
): Promise<readonly Change[]> {
  const events = changes.filter((change) => change.kind !== 'tombstone');
  const offsets = events.map(({ index }) => String(records[index]?.offset ?? 0n));
  const delivered = (i: number): string => `${claim.topic}/${claim.partition}@${offsets[i]}`;
  const identities = events.map((change, i) => identityOf(table.name.qualified, change, delivered(i)));
  const result = await client.query({
    name: 'cdc_dedup',
    text: `INSERT INTO ${DEDUP_TABLE} (connector, identity, topic, partition, "offset")
           SELECT $1, u.i, $2, $3, u.o FROM unnest($4::text[], $5::bigint[]) AS u(i, o)
           ON CONFLICT DO NOTHING RETURNING identity`,
    values: [
      connector,
      claim.topic,
      claim.partition,
      arrayParameter(identities, 'text'),
      arrayParameter(offsets, 'bigint'),
    ],
  });
  const fresh = new Set((result.rows as { identity: string }[]).map((row) => row.identity));
  const kept = new Set<Change>();
  events.forEach((change, i) => {
    // `delete` returns true once: the second of two equal events in one batch is a duplicate too.
    if (fresh.delete(identities[i] ?? '')) kept.add(change);
  });
  return changes.filter((change) => change.kind === 'tombstone' || kept.has(change));
}

/**
 * What distinguishes an event from every other, wherever it is delivered: its position and its key, or its values if it
 * has no key. Topic, partition and offset do not: an event that the capture resends gets a new offset. Rows of a snapshot
 * all have one position, so without a key only the offset tells equal ones apart.
 */
function identityOf(table: string, change: Change, delivered: string): string {
  const withoutKey = (): string => (change.op === 'r' ? delivered : JSON.stringify(change.values));
  const what = change.key === '' ? withoutKey() : change.key;
  const id = `${change.position ?? ''}|${table}|${change.op}|${what}`;
  return id.length <= 400 ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`;
}
