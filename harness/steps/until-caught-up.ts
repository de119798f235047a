import { z } from 'zod';
import type { Access, TopicLag } from '../access/access.ts';
import { defineStep } from '../plugins/step.ts';
import { until } from '../wait.ts';

export default defineStep({
  description: 'wait until slot and consumer group have passed everything written before the step',
  params: z.strictObject({}),
  example: {},
  touches: ['instance'],
  byHand: 'left-out',

  async run({ access, instance, note, progress, signal, withinMs }) {
    const target = await currentLsn(access);
    const flushed = () => slotReached(access, instance.slot, target);
    await until(flushed, { what: `the slot to confirm ${target}`, withinMs, signal });
    note('the slot has confirmed', { lsn: target });
    const what = 'the ends of the topics';
    const ends = await until(() => access.lagByPartition(), { what, withinMs, signal });
    const applied = async () => {
      const now = new Map(
        (await access.lagByPartition()).map((lag) => [partitionKey(lag), lag.committed ?? 0n]),
      );
      const short = ends.map((lag) => Number(lag.end - (now.get(partitionKey(lag)) ?? 0n)));
      const left = short.reduce((sum, events) => sum + Math.max(0, events), 0);
      progress('events to catch up with', left, null);
      return left === 0;
    };
    await until(applied, { what: 'the consumer group to get to the ends of its topics', withinMs, signal });
    note('caught up', { lsn: target });
  },
});

/**
 * The source's current WAL position, as PostgreSQL prints an LSN. A logical message after it gives a capture that
 * confirms only events, such as Debezium, something to confirm; an idle one would never get past the position.
 */
async function currentLsn(access: Access): Promise<string> {
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  await access.query('source', `SELECT pg_logical_emit_message(true, 'cdc-lab.caught-up', '')`);
  return String(row?.lsn);
}

async function slotReached(access: Access, slot: string, lsn: string): Promise<boolean> {
  const [row] = await access.query(
    'source',
    'SELECT confirmed_flush_lsn >= $2::pg_lsn AS reached FROM pg_replication_slots WHERE slot_name = $1',
    [slot, lsn],
  );
  return row?.reached === true;
}

const partitionKey = (lag: TopicLag): string => `${lag.topic}/${lag.partition}`;
