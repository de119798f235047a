import { randomUUID } from 'node:crypto';
import type { EachMessagePayload } from 'kafkajs';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { kafkaClient } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import { painter } from '../../terminal/page.ts';
import { type CliContext, EXIT } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { ConsumeFlags } from '../option-table.ts';

/** Prints records, one per line: the newest `--max`, or the oldest; with `--follow`, also those to come. */
export async function consume(
  context: CliContext,
  options: ConsumeFlags,
  [given = '']: readonly string[],
): Promise<number> {
  const { instance } = await openInstance(context);
  const kafka = kafkaClient(instance);
  const admin = kafka.admin();
  await admin.connect();
  const groupId = `cdc-lab-consume-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000 });
  try {
    const topic = topicOf(instance, given, await admin.listTopics());
    const { max, follow, fromBeginning } = options;
    const ends = await admin.fetchTopicOffsets(topic);
    const present = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
    let left = follow ? Number.POSITIVE_INFINITY : Math.min(max, present);
    if (left === 0) return EXIT.ok;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    context.signal.addEventListener('abort', () => resolve(), { once: true });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: fromBeginning || !follow });
    await consumer.run({
      eachMessage: async (payload) => {
        if (left <= 0) return;
        left -= 1;
        context.stdout.write(`${line(context, payload)}\n`);
        if (left === 0) resolve();
      },
    });
    // To get the newest records, start each partition at its share of `max` before its end.
    if (!fromBeginning && !follow) {
      for (const [partition, offset] of newest(ends, max)) consumer.seek({ topic, partition, offset });
    }
    await done;
    return EXIT.ok;
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  }
}

/** `orders` is short for `PREFIX.public.orders`. */
function topicOf(instance: Instance, given: string, known: readonly string[]): string {
  const own = `${instance.topicPrefix}.public.`;
  const found = [given, `${own}${given}`].find((name) => known.includes(name));
  if (found !== undefined) return found;
  const short = known.filter((name) => name.startsWith(own)).map((name) => name.slice(own.length));
  throw new UsageError(
    `there is no topic "${given}".${didYouMean(given, [...short, ...known])}`,
    `known: ${known.filter((name) => !name.startsWith('__')).join(', ')}`,
  );
}

/** Offsets to begin at, so that at least `count` records come if there are as many. */
function newest(
  ends: readonly { partition: number; high: string; low: string }[],
  count: number,
): [partition: number, offset: string][] {
  let left = count;
  const bySize = [...ends].sort((a, b) => Number(a.high) - Number(a.low) - (Number(b.high) - Number(b.low)));
  return bySize.map(({ partition, high, low }, index) => {
    const share = Math.ceil(left / (bySize.length - index));
    const taken = Math.min(share, Number(high) - Number(low));
    left -= taken;
    return [partition, String(Number(high) - taken)];
  });
}

function line(context: CliContext, { topic, partition, message }: EachMessagePayload): string {
  const key = message.key?.toString('utf8') ?? null;
  const value = message.value?.toString('utf8') ?? null;
  if (context.json) return JSON.stringify({ topic, partition, offset: message.offset, key, value });
  const paint = painter(context.color);
  return `${paint.dim(`${partition}/${message.offset}`)} ${key ?? '∅'} ${value === null ? '∅ (tombstone)' : value}`;
}
