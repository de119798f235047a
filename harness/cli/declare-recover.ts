import type { Argument, Declare } from './declare.ts';
import * as options from './option-table.ts';
import {
  CONNECTOR_ACTIONS,
  DEAD_LETTER_ACTIONS,
  OFFSETS_ACTIONS,
  REPAIR_ACTIONS,
  SLOT_ACTIONS,
  TOPICS_ACTIONS,
} from './recover/actions.ts';

/** What the arguments of these commands are, by `COMMAND NAME`. */
export const RECOVER_ARGUMENTS: Readonly<Record<string, Argument>> = {
  'connectors action': {
    help: 'what to do with the connector; left out: show the states of all',
    choices: CONNECTOR_ACTIONS,
  },
  'connectors connector': { help: 'capture, sink, or its name in Connect', choices: ['capture', 'sink'] },
  'connectors settings': { help: 'set: key=value' },
  'offsets action': { help: 'what to do', choices: OFFSETS_ACTIONS },
  'dead-letters action': { help: 'what to do', choices: DEAD_LETTER_ACTIONS },
  'dead-letters letter': { help: 'show: which one, as PARTITION@OFFSET' },
  'repair action': { help: 'what to do', choices: REPAIR_ACTIONS },
  'repair file': { help: 'apply: SQL, as cdc-lab verify --repair writes it' },
  'topics action': { help: 'what to do; left out: list them', choices: TOPICS_ACTIONS },
  'topics topic': { help: 'set: which one; with or without the prefix: orders, lab.public.orders' },
  'topics settings': { help: 'set: key=value' },
  'slot action': { help: 'what to do', choices: SLOT_ACTIONS },
  'slot slot': { help: 'drop: the name of the slot; left out: the pipeline’s own' },
  tables: { help: 'their names at the source: orders, public.orders' },
};

/** Declares the commands that recover a pipeline: an action of `harness/recover/` behind each. */
export function declareRecover(declare: Declare): void {
  declare(
    'connectors [action] [connector] [settings...]',
    'show the states of connectors and tasks; restart, pause, resume, stop or configure one',
    options.CONNECTORS,
    async () => (await import('./commands/connectors.ts')).connectors,
  );
  declare(
    'snapshot <tables...>',
    'send the rows of tables again, by a row in the signal table',
    options.SNAPSHOT,
    async () => (await import('./commands/mend.ts')).snapshot,
  );
  declare(
    'dedupe <table>',
    'keep one row of each key in the sink: the one with the highest position',
    options.DEDUPE,
    async () => (await import('./commands/mend.ts')).dedupe,
  );
  declare(
    'offsets <action>',
    'show the sink’s offsets; move its offset table and its consumer group together',
    options.OFFSETS,
    async () => (await import('./commands/offsets.ts')).offsets,
  );
  declare(
    'slot <action> [slot]',
    'list the source’s replication slots; drop one; give the capture a new one, with a new snapshot',
    options.SLOT,
    async () => (await import('./commands/slot.ts')).slot,
  );
  declare(
    'dead-letters <action> [letter]',
    'list the records that the sink set aside; show one; send them again; delete them',
    options.DEAD_LETTERS,
    async () => (await import('./commands/dead-letters.ts')).deadLetters,
  );
  declare(
    'upgrade',
    'restart the workers without the defects that were planted in them',
    options.UPGRADE,
    async () => (await import('./commands/mend.ts')).upgrade,
  );
  declare(
    'repair <action> [file]',
    'run a file of repairs on the sink: all of it, or nothing; or compare, and change the rows that differ',
    options.REPAIR,
    async () => (await import('./commands/mend.ts')).repair,
  );
}
