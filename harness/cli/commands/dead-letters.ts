import { UsageError } from '../../errors.ts';
import {
  type DeadLetter,
  letterRanges,
  letterTopic,
  originalOf,
  readLetters,
} from '../../recover/lib/dead-letters.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { RecoveryFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { DEAD_LETTER_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';

/** Lists the records that the sink set aside, shows one, sends them again, or deletes them. */
export async function deadLetters(
  context: CliContext,
  options: RecoveryFlags,
  [given = '', letter]: readonly string[],
): Promise<number> {
  const action = actionOf('dead-letters', given, DEAD_LETTER_ACTIONS);
  if (action !== 'show') mustNotHave(`dead-letters ${action}`, { 'letter’s number': letter !== undefined });
  if (action === 'replay' || action === 'discard')
    return recover(context, options, `dead-letters-${action}`, {});
  const { instance } = await openInstance(context, options.instance);
  const topic = await letterTopic(instance);
  const ranges = await letterRanges(instance, topic);
  const bounds = { signal: context.signal, withinMs: options.deadline * 1000 };
  const letters = await readLetters(instance, topic, ranges, bounds);
  return action === 'show' ? show(context, letters, letter) : list(context, topic, letters);
}

function list(context: CliContext, topic: string, letters: readonly DeadLetter[]): number {
  if (context.json) {
    const shown = letters.map(({ message: _, ...one }) => one);
    printJson(context, { schemaVersion: 1, topic, letters: shown });
    return EXIT.ok;
  }
  const rows = letters.map((one) => [
    nameOf(one),
    one.from === null ? '–' : `${one.from.topic}/${one.from.partition}@${one.from.offset}`,
    one.error?.split('\n', 1)[0] ?? '',
  ]);
  if (letters.length === 0) context.stdout.write(`${topic} is empty\n`);
  else context.stdout.write(`${columns(pageOf(context), ['LETTER', 'CAME FROM', 'ERROR'], rows)}\n`);
  return EXIT.ok;
}

/** Where it is in the dead-letter topic: `0@12`. */
const nameOf = ({ partition, offset }: DeadLetter): string => `${partition}@${offset}`;

function show(context: CliContext, letters: readonly DeadLetter[], wanted = ''): number {
  const letter = letters.find((one) => nameOf(one) === wanted);
  if (letter === undefined) {
    const known = letters.slice(0, 5).map(nameOf).join(', ');
    throw new UsageError(`there is no dead letter "${wanted}"`, `known: ${known || 'none'}`);
  }
  const { key, value } = originalOf(letter);
  const { message: _, ...place } = letter;
  const [keyText, valueText] = [key, value].map((bytes) => bytes?.toString('utf8') ?? null);
  printJson(context, { schemaVersion: 1, ...place, key: keyText, value: valueText });
  return EXIT.ok;
}
