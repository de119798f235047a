import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { type Connector, connectorOf, curl, mustBeStopped } from './lib/connector.ts';
import { groupMembers, nextOf, type SinkOffset, sinkOffsets } from './lib/sink-offsets.ts';

const params = z.strictObject({
  /** `earliest`, `latest`, or the next offset to read. */
  to: z.union([
    z.enum(['earliest', 'latest']),
    z.string().regex(/^\d{1,15}$/, 'earliest, latest or an offset'),
  ]),
  /** With or without the prefix; left out: all. */
  topic: z.string().min(1).optional(),
  partition: z.number().int().min(0).optional(),
});
type Params = z.infer<typeof params>;

/** A partition whose offset moves. */
interface Move extends SinkOffset {
  readonly target: bigint;
}

export default defineRecovery({
  description: 'move the sink’s offsets: its table in the sink database and its consumer group together',
  params,
  example: { to: 'earliest' },
  safeWhen:
    'backwards, where the sink upserts by key and position; forwards only past records that nobody needs',
  loses: 'forwards: the records that are skipped',
  undo: 'reset to the former offsets; the plan prints them',

  typed: ({ to, topic, partition }) => [
    ...['offsets', 'reset', '--to', to],
    ...(topic === undefined ? [] : ['--topic', topic]),
    ...(partition === undefined ? [] : ['--partition', String(partition)]),
  ],

  async plan(context, given) {
    const sink = connectorOf(context.instance, 'sink');
    await mustBeFree(sink, context);
    const moves = movesOf(await sinkOffsets(context), context.instance.topicPrefix, given);
    const changed = moves.filter((move) => move.target !== nextOf(move));
    const skipped = sum(changed.map((move) => move.target - nextOf(move)));
    const again = sum(changed.map((move) => nextOf(move) - move.target));
    const does = changed.map(
      (move) => `${move.topic}, partition ${move.partition}: from ${nextOf(move)} to ${move.target}`,
    );
    if (again > 0n)
      does.push(`${again} records are applied again, which changes nothing in a sink that upserts`);
    const losses = [
      ...(skipped > 0n ? [`${skipped} records are skipped: the sink never sees them.`] : []),
      ...(again > 0n && (await insertsOnly(sink))
        ? [`This sink inserts a row for each event: ${again} records become rows a second time.`]
        : []),
    ];
    return {
      does: changed.length === 0 ? ['nothing: the offsets are there already'] : does,
      commands: changed.length === 0 ? [] : [curl(sink, 'PATCH', '/offsets', { offsets: bodyOf(changed) })],
      loses: losses.length === 0 ? null : losses.join(' '),
      undo:
        changed.length === 0
          ? null
          : curl(sink, 'PATCH', '/offsets', {
              offsets: bodyOf(changed.map((move) => ({ ...move, target: nextOf(move) }))),
            }),
    };
  },

  async run(context, given) {
    const sink = connectorOf(context.instance, 'sink');
    await mustBeFree(sink, context);
    const moves = movesOf(await sinkOffsets(context), context.instance.topicPrefix, given);
    await sink.workers.alterOffsets(bodyOf(moves));
    const after = movesOf(await sinkOffsets(context), context.instance.topicPrefix, given);
    const wrong = after.find(({ stored, committed }, index) => {
      const target = moves[index]?.target;
      return committed !== target || (stored !== null && stored !== target);
    });
    if (wrong !== undefined) {
      const where = `${wrong.topic}, partition ${wrong.partition}`;
      throw new LabError('CDC-5503', `the offset of ${where} is ${nextOf(wrong)} after the reset`, {
        remedy: 'see that nobody else uses the group, and run the command again',
      });
    }
    const offsets = Object.fromEntries(after.map((one) => [`${one.topic}/${one.partition}`, nextOf(one)]));
    return { said: `${moves.length} partitions are reset to ${given.to}`, evidence: { offsets } };
  },
});

/** @throws UsageError while anybody reads: the reader would store its own offset again. */
async function mustBeFree(sink: Connector, { instance }: RecoveryContext): Promise<void> {
  await mustBeStopped(sink, 'A reset of the offsets');
  const members = await groupMembers(instance);
  if (members === 0) return;
  throw new UsageError(
    `The group ${instance.consumerGroup} has ${members} ${members === 1 ? 'member' : 'members'}: a reset is refused.`,
    'stop every consumer of the group first; a member that was killed leaves after its session timeout',
  );
}

function movesOf(all: readonly SinkOffset[], prefix: string, { to, topic, partition }: Params): Move[] {
  const isMeant = (one: SinkOffset): boolean =>
    topic === undefined || [topic, `${prefix}.${topic}`, `${prefix}.public.${topic}`].includes(one.topic);
  const chosen = all.filter(
    (one) => isMeant(one) && (partition === undefined || one.partition === partition),
  );
  if (chosen.length === 0) {
    const known = [...new Set(all.map((one) => one.topic))];
    const what = topic === undefined ? 'topic' : `topic "${topic}"`;
    const where = partition === undefined ? '' : ` with a partition ${partition}`;
    const message = `the pipeline has no ${what}${where}.${topic === undefined ? '' : didYouMean(topic, known)}`;
    throw new UsageError(message, `known: ${known.join(', ') || 'none'}`);
  }
  return chosen.map((one) => ({ ...one, target: targetOf(one, to) }));
}

function targetOf({ topic, partition, first, end }: SinkOffset, to: string): bigint {
  if (to === 'earliest') return first;
  if (to === 'latest') return end;
  const target = BigInt(to);
  if (target >= first && target <= end) return target;
  throw new UsageError(
    `${topic}, partition ${partition}, has offsets from ${first} to ${end}; ${to} is not one of them.`,
    'name --topic and --partition to move one of them only',
  );
}

function bodyOf(moves: readonly Move[]) {
  return moves.map(({ topic, partition, target }) => ({
    partition: { kafka_topic: topic, kafka_partition: partition },
    offset: { kafka_offset: Number(target) },
  }));
}

async function insertsOnly({ workers }: Connector): Promise<boolean> {
  return (await workers.config())['insert.mode'] !== 'upsert';
}

/** Of the positive ones. */
function sum(counts: readonly bigint[]): bigint {
  return counts.reduce((total, count) => (count > 0n ? total + count : total), 0n);
}
