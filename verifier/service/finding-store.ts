import { join } from 'node:path';
import type { Finding } from '../report.ts';
import {
  confirmed,
  type FindingState,
  healed,
  judgedBy,
  type KeptFinding,
  keptFindingSchema,
  opened,
  type Round,
  subjectOf,
} from './kept-finding.ts';
import { NdjsonFile } from './ndjson-file.ts';

interface Limits {
  /** How long healed findings are kept. */
  readonly keepMs: number;
  /** How many healed findings are kept. */
  readonly keep: number;
}

/** Outdated lines that the file may have, beyond one per finding, before it is rewritten. */
const OUTDATED_LINES = 1_000;

/**
 * Findings and their lives, in a file: each line is a finding as it was at that time, and the last line with its id
 * counts. The file is rewritten when most of its lines are outdated. A finding that has not healed is never dropped.
 */
export class FindingStore {
  readonly #file: NdjsonFile<KeptFinding>;
  readonly #limits: Limits;
  readonly #kept: Map<string, KeptFinding>;

  /** Reads the file. A line torn by a kill is left out. */
  constructor(stateDir: string, limits: Limits) {
    this.#file = new NdjsonFile(join(stateDir, 'findings.ndjson'), keptFindingSchema);
    this.#limits = limits;
    this.#kept = new Map(this.#file.read().map((finding) => [finding.id, finding]));
    // Appending to a torn last line would lose the next finding.
    if (this.#file.lines > 0) this.#rewrite();
  }

  /** Newest first, by the time when they were first seen. */
  list(state?: FindingState, limit = 1_000): readonly KeptFinding[] {
    const all = [...this.#kept.values()].filter((finding) => state === undefined || finding.state === state);
    return all.sort((a, b) => (a.firstSeenAt < b.firstSeenAt ? 1 : -1)).slice(0, limit);
  }

  count(state: FindingState): number {
    return [...this.#kept.values()].filter((finding) => finding.state === state).length;
  }

  /**
   * Records a verification. It opens or confirms what it found, and heals what it judged but did not find. A check
   * without a verdict, or a table that was not judged as a whole, heals nothing.
   */
  note(round: Round): void {
    const hasJudged = judgedBy(round);
    const seen = this.#record(round, hasJudged);
    for (const finding of this.#kept.values()) {
      if (finding.state === 'healed' || seen.has(finding.id) || !hasJudged(finding)) continue;
      this.#put(healed(finding, round.at));
    }
    this.#retain(Date.parse(round.at));
  }

  /** Records what a look at a part of the rows found. It heals nothing. @returns the ids of what was found. */
  seen(part: Pick<Round, 'at' | 'findings'>): ReadonlySet<string> {
    return this.#record(part, () => false);
  }

  #record(
    { at, findings }: Pick<Round, 'at' | 'findings'>,
    hasJudged: (about: Finding) => boolean,
  ): ReadonlySet<string> {
    const ids = new Set<string>();
    const wrong = findings.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'WARN');
    for (const [subject, [first, ...others]] of Map.groupBy(wrong, subjectOf)) {
      if (first === undefined) continue;
      const namesAll = [first, ...others].every(({ examples, count }) => examples.length >= count);
      const sighting = {
        at,
        findings: [first, ...others] as const,
        isComplete: hasJudged(first) && namesAll,
      };
      const known = this.#active(subject);
      const kept = known === undefined ? opened(sighting) : confirmed(known, sighting);
      this.#put(kept);
      ids.add(kept.id);
    }
    return ids;
  }

  #active(subject: string): KeptFinding | undefined {
    return [...this.#kept.values()].find(
      (finding) => finding.state !== 'healed' && subjectOf(finding) === subject,
    );
  }

  #put(finding: KeptFinding): void {
    this.#kept.set(finding.id, finding);
    this.#file.append(finding);
    if (this.#file.lines > 2 * this.#kept.size + OUTDATED_LINES) this.#rewrite();
  }

  #retain(nowMs: number): void {
    const all = this.list('healed', Number.POSITIVE_INFINITY);
    const old = all.filter(
      ({ healedAt }, i) => i >= this.#limits.keep || nowMs - Date.parse(healedAt ?? '') > this.#limits.keepMs,
    );
    for (const { id } of old) this.#kept.delete(id);
    if (old.length > 0) this.#rewrite();
  }

  #rewrite(): void {
    this.#file.rewrite([...this.#kept.values()]);
  }
}
