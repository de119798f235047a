import { z } from 'zod';
import { kafkaClient } from '../access/live-access.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { connectorOf } from './lib/connector.ts';
import {
  type DeadLetter,
  deleteLetters,
  letterRanges,
  letterTopic,
  originalOf,
  readLetters,
} from './lib/dead-letters.ts';

/**
 * The record keeps its value, and with it its position: a sink that compares positions writes it only where the row is
 * older. So the letters may be replayed twice, as after an interrupt between sending and deleting.
 */
export default defineRecovery({
  description: 'send dead letters to the topics that they came from, once what stopped them is mended',
  params: z.strictObject({}),
  example: {},
  safeWhen: 'what stopped them is mended, and the sink compares positions (dedup.mode=lsn)',
  loses: null,
  undo: 'none is needed: a letter that cannot be applied comes back to the dead-letter topic',

  typed: () => ['dead-letters', 'replay'],

  async plan(context) {
    const { topic, letters, config } = await lettersIn(context);
    mustBeNamed(letters);
    const isGuarded = config['insert.mode'] === 'upsert' && config['dedup.mode'] === 'lsn';
    const byTopic = Map.groupBy(letters, ({ from }) => from?.topic ?? '');
    const does = [...byTopic].map(
      ([name, own]) => `sends ${own.length} records from ${topic} to ${name} again`,
    );
    const loses =
      letters.length === 0 || isGuarded
        ? null
        : 'This sink does not compare positions: a replayed record overwrites a newer row, or is inserted beside it.';
    return {
      does: letters.length === 0 ? [`nothing: ${topic} is empty`] : [...does, `deletes them from ${topic}`],
      commands: [],
      loses,
      undo: null,
    };
  },

  async run(context) {
    const { topic, letters, ranges } = await lettersIn(context);
    mustBeNamed(letters);
    const producer = kafkaClient(context.instance).producer({ idempotent: true });
    await producer.connect();
    const sent: Record<string, number> = {};
    try {
      for (const letter of letters) {
        const { from } = letter;
        if (from === null) continue;
        // To its own partition, in its order: the records of one key stay together.
        const messages = [{ ...originalOf(letter), partition: from.partition }];
        await producer.send({ topic: from.topic, acks: -1, messages });
        sent[from.topic] = (sent[from.topic] ?? 0) + 1;
      }
    } finally {
      await producer.disconnect();
    }
    await deleteLetters(context.instance, topic, ranges);
    return { said: `sent ${letters.length} dead letters again`, evidence: { topic, sent } };
  },
});

async function lettersIn(context: RecoveryContext) {
  const { instance } = context;
  const config = await connectorOf(instance, 'sink').workers.config();
  const topic = await letterTopic(instance);
  const ranges = await letterRanges(instance, topic);
  return { topic, ranges, letters: await readLetters(instance, topic, ranges, context), config };
}

/** @throws UsageError for a letter that does not say where it came from. */
function mustBeNamed(letters: readonly DeadLetter[]): void {
  const unnamed = letters.find(({ from }) => from === null);
  if (unnamed === undefined) return;
  const where = `partition ${unnamed.partition}, offset ${unnamed.offset}`;
  throw new UsageError(
    `The dead letter in ${where} does not say which topic it came from.`,
    'set errors.deadletterqueue.context.headers.enable=true for the next time; cdc-lab snapshot sends the rows again',
  );
}
