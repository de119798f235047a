import type { Phase } from '../plugins/scenario.ts';
import { visible } from '../terminal/text-width.ts';
import { evidenceText } from './evidence-text.ts';
import type { JournalEvent } from './journal.ts';
import type { WrongRow } from './result.ts';

/** When the verifier was asked, in words for a learner. */
const WHEN: Readonly<Record<Phase, string>> = {
  steady: 'before the fault',
  inject: 'during the fault',
  hold: 'during the fault',
  heal: 'during the fault',
  settle: 'after the fault',
  verify: 'in the end',
};

/** Describes what a run or a trigger does, in one sentence for each journal line that a learner should see. */
export class Narrator {
  #phase: Phase = 'inject';
  #isRecovering = false;

  /** Undefined for a line that only the journal needs. */
  describe(event: JournalEvent): string | undefined {
    switch (event.t) {
      case 'phase-started':
        this.#phase = event.phase;
        this.#isRecovering = false;
        return undefined;
      case 'phase-ended':
        return event.ok ? undefined : `the phase ${event.phase} failed: ${event.error ?? 'no reason given'}`;
      case 'instance-ready':
        return `the pipeline is ready after ${secondsText(event.ms)}`;
      case 'fault-proven':
        return `broken by ${event.fault} (${evidenceText(event.evidence)})`;
      case 'fault-not-proven':
        return `${event.fault} was not shown to have taken effect: ${event.reason}`;
      case 'fault-healed':
        return `healed: ${event.said}`;
      case 'heal-failed':
        return `${event.fault} could not be healed: ${event.error}`;
      case 'recovery-action':
        this.#isRecovering = true;
        return `recovered by ${event.command}: ${event.said}`;
      case 'recovered':
        return event.reason === null ? undefined : `the recovery ends in ${event.verdict}: ${event.reason}`;
      case 'verification':
        if (this.#isRecovering) return `after the recovery, the verifier says ${event.verdict}`;
        return `${WHEN[this.#phase]}, the verifier says ${event.verdict}`;
      case 'clause':
        return clauseText(event);
      case 'step':
        return event.step.startsWith('the lag alert')
          ? `${event.step}: ${evidenceText(event.detail ?? {})}`
          : undefined;
      case 'kept':
        return [
          `${event.instance} is kept; look at it: ${event.inspect}`,
          ...recoverHint(event.recover),
        ].join('; ');
      case 'drop-failed':
        return `${event.instance} could not be dropped; the next cdc-lab up tries again: ${event.error}`;
      default:
        return undefined;
    }
  }
}

/** Each command is to be typed in its turn: it asks before it loses anything. */
function recoverHint(commands: readonly string[] = []): string[] {
  return commands.length === 0 ? [] : [`recover it by: ${commands.join(' && ')}`];
}

/** A clause of the contract, with its figures: bytes and milliseconds as a person reads them. */
function clauseText({ why, holds, detail }: Extract<JournalEvent, { readonly t: 'clause' }>): string {
  const kept = holds === null ? 'could not be judged' : holds ? 'is kept' : 'is broken';
  return `the contract ${kept} (${why}): ${evidenceText(detail)}`;
}

export const secondsText = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The first sentence of a lesson says what breaks. */
export function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
}

/** A value on one line. A text in which something cannot be seen, or that looks like NULL, is quoted as in JSON. */
function valueText(value: string | null | undefined): string {
  if (value == null) return 'NULL';
  const isPlain =
    value !== '' && value !== 'NULL' && value === value.trim() && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value);
  if (isPlain) return value;
  const inHex = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[\u007f-\u00a0\u200b-\u200f\u2028-\u202f\ufeff]/g, inHex);
}

/** Columns that are shown of a row that only one side has. */
const MOST_COLUMNS = 3;

/** A value may be a book: a line of values is cut here, where the page has no end. */
const MOST_VALUES = 116;

/** A wrong row beside the right one, in lines of at most `width` characters. */
export function wrongRowLines(row: WrongRow, width: number): string[] {
  const { table, key, columns, source, sink } = row;
  const keyText = Object.entries(key).map(([name, value]) => `${name} ${value}`);
  const others = Object.keys(source ?? sink[0] ?? {}).filter((name) => !(name in key));
  const shown = columns.length > 0 ? columns : others.slice(0, MOST_COLUMNS);
  const valuesOf = (one: Readonly<Record<string, string | null>>): string =>
    shown.map((name) => `${name} = ${name in one ? valueText(one[name]) : '(no such column)'}`).join(', ');
  const copies =
    sink.length > 1 && columns.length === 0 ? [`${sink.length} rows with this key`] : sink.map(valuesOf);
  const lines = [
    `one wrong row of ${table}, ${keyText.join(', ')}:`,
    `  source  ${source === null ? 'no such row' : valuesOf(source)}`,
    ...(copies.length === 0 ? ['no such row'] : copies).map((copy) => `  sink    ${copy}`),
  ];
  const most = Math.max(2, Math.min(width, MOST_VALUES));
  return lines.map(visible).map((line) => (line.length <= most ? line : `${line.slice(0, most - 1)}…`));
}
