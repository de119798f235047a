import { type Example, type Finding, type FindingClass, finding, MAX_EXAMPLES } from '../../report.ts';
import type { LedgerWrite } from './ledger.ts';
import type { Book } from './ledger-parts.ts';
import type { Shown, Suspects } from './suspects.ts';

/** Keys of one table for which the source does not show the last write of the ledger. */
export interface WrongWrites {
  readonly table: string;
  readonly class: FindingClass;
  count: number;
  /** The first few of them. */
  readonly examples: Example[];
}

/** What is wrong with what the source showed for a write; undefined if it is right. */
export function judge(
  { op, version }: LedgerWrite,
  shown: Shown,
): { readonly class: FindingClass; readonly detail: string } | undefined {
  const there = shown !== undefined;
  if (op === 'd') {
    return there
      ? { class: 'extra', detail: 'a committed transaction deleted it, but it is still there' }
      : undefined;
  }
  if (!there)
    return { class: 'missing', detail: `version ${version} was committed, but the row is not there` };
  // Fast path: nearly all writes are right, and two BigInts for each would be slow.
  if (shown === null || shown === String(version)) return undefined;
  const ahead = BigInt(shown) - BigInt(version);
  if (ahead < 0n)
    return { class: 'stale', detail: `version ${version} was committed, but the source shows ${shown}` };
  return ahead > 0n
    ? {
        class: 'not-committed',
        detail: `the last commit in the ledger is version ${version}, but the source shows ${shown}`,
      }
    : undefined;
}

/** Says what is wrong with each suspect, from the write that it is suspected for, and clears it. */
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
    if (own.examples.length < MAX_EXAMPLES)
      own.examples.push({ key: { ...key }, columns: [], detail: problem.detail });
  }

  unsettled(): void {}
}

/** One finding per table and class, at the hop `source`. */
export function sourceFindings(check: string, wrong: readonly WrongWrites[]): Finding[] {
  return wrong.map(({ table, class: name, count, examples }) => {
    const first = examples[0] ?? null;
    const about = { check, class: name, table, hop: 'source', count } as const;
    const detail = `${count} ${name} at the source itself: ${first?.detail}`;
    return finding({ ...about, verdict: 'FAIL', examples: [...examples], first, detail });
  });
}
