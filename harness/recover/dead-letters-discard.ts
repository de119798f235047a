import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { defineRecovery } from '../plugins/recovery.ts';
import { deleteLetters, letterRanges, letterTopic, waiting } from './lib/dead-letters.ts';

export default defineRecovery({
  description: 'delete the records of the dead-letter topic',
  params: z.strictObject({}),
  example: {},
  safeWhen: 'each was looked at, and their rows are right, or will be sent again (cdc-lab snapshot)',
  loses: 'the only copy of records that the topic no longer has',
  undo: 'there is none: Kafka has deleted the records',
  isOneStep: true,

  typed: () => ['dead-letters', 'discard'],

  async plan({ instance }) {
    const topic = await letterTopic(instance);
    const ranges = await letterRanges(instance, topic);
    const count = waiting(ranges);
    if (count === 0) return { does: [`nothing: ${topic} is empty`], commands: [], loses: null, undo: null };
    const partitions = ranges.map(({ partition, end }) => ({ topic, partition, offset: Number(end) }));
    const file = JSON.stringify({ partitions, version: 1 });
    return {
      does: [`deletes ${count} records from ${topic}`],
      commands: [
        `echo '${file}' > letters.json`,
        `kafka-delete-records --bootstrap-server ${instance.bootstrapServers.join(',')} --offset-json-file letters.json`,
      ],
      loses: `${count} records that the sink could not apply are deleted: what they say never reaches the sink.`,
      undo: null,
    };
  },

  async run({ instance }) {
    const topic = await letterTopic(instance);
    const ranges = await letterRanges(instance, topic);
    await deleteLetters(instance, topic, ranges);
    const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    const after = await letterRanges(instance, topic);
    const left = after.filter(({ partition, first }) => first < (ends.get(partition) ?? 0n));
    if (left.length === 0)
      return {
        said: `deleted ${waiting(ranges)} dead letters`,
        evidence: { topic, waiting: waiting(after) },
      };
    throw new LabError('CDC-5505', `${topic} still has ${waiting(left)} of the records`, {
      remedy: 'see that the broker runs, and run the command again',
    });
  },
});
