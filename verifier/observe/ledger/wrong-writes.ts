import type { Example, Finding, FindingClass } from '../../report.ts';
import { finding } from '../../report.ts';
import type { LedgerWrite } from './ledger.ts';
import type { Book } from './ledger-parts.ts';
import type { Shown, Suspects } from './suspects.ts';

/** Keys of one table of which the source does not show what the ledger last says. */
export interface WrongWrites {
  readonly table: string;
  readonly class: FindingClass;
  count: number;
  /** The first few of them. */
  readonly examples: Example[];
}

const EXAMPLES = 5;

/** What is wrong with what the source showed of a write; undefined where nothing is. */
export function judge(
  { op, version }: LedgerWrite,
  shown: Shown,
): { readonly class: FindingClass; readonly detail: string } | undefined {
  const there = shown !== undefined;
  if (op === 'd') {
    return there
      ? { class: 'extra', detail: 'deleted by a committed transaction, and still there' }
      : undefined;
  }
  if (!there) return { class: 'missing', detail: `version ${version} was committed, the row is not there` };
  // Nearly all are right: not worth two big integers each.
  if (shown === null || shown === String(version)) return undefined;
  const ahead = BigInt(shown) - BigInt(version);
  if (ahead < 0n)
    return { class: 'stale', detail: `version ${version} was committed, the source shows ${shown}` };
  return ahead > 0n
    ? {
        class: 'not-committed',
        detail: `the ledger's last commit is version ${version}, the source shows ${shown}`,
      }
    : undefined;
}

/** Tells what is wrong with each suspect, from the writes that it is suspected for; then it is none any more. */
export class WrongBook implements Book {
  readonly #groups = new Map<string, WrongWrites>();
  readonly #suspects: Suspects;

  constructor(suspects: Suspects) {
    this.#suspects = suspects;
  }

  get groups(): readonly WrongWrites[] {
    return [...this.#groups.values()];
  }

  committed(id: string, write: LedgerWrite, sequence: number): void {
    const suspect = this.#suspects.of(id, sequence);
    const problem = suspect === null ? undefined : judge(write, suspect.shown);
    if (problem === undefined) return;
    this.#suspects.clear(id, sequence + 1);
    const { table, key } = write;
    const name = `${table} ${problem.class}`;
    const own = this.#groups.get(name) ?? { table, class: problem.class, count: 0, examples: [] };
    this.#groups.set(name, own);
    own.count++;
    if (own.examples.length < EXAMPLES)
      own.examples.push({ key: { ...key }, columns: [], detail: problem.detail });
  }

  unsettled(): void {}
}

/** One finding for each table and class, at hop source. */
export function sourceFindings(check: string, wrong: readonly WrongWrites[]): Finding[] {
  return wrong.map(({ table, class: name, count, examples }) => {
    const first = examples[0] ?? null;
    const about = { check, class: name, table, hop: 'source', count } as const;
    const detail = `${count} ${name} at the source itself: ${first?.detail}`;
    return finding({ ...about, verdict: 'FAIL', examples: [...examples], first, detail });
  });
}
