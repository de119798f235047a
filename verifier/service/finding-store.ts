import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type Example,
  exampleSchema,
  type Finding,
  findingSchema,
  hopSchema,
  type Report,
  verdictSchema,
} from '../report.ts';

export const FINDING_STATES = ['open', 'confirmed', 'healed'] as const;

/** A row that a finding named, and its own part in that life. One that is wrong again after it healed stands once more. */
const keptExampleSchema = exampleSchema.omit({ detail: true }).extend({
  firstSeenAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  /** Null too where it was not told: a verification names the first few of many wrong rows. */
  healedAt: z.iso.datetime().nullable(),
});
type KeptExample = z.infer<typeof keptExampleSchema>;

/** A finding and its life: open when first seen, confirmed when seen again, healed when a verification found it gone. */
export const keptFindingSchema = z.object({
  /** Of this life of it: one that comes back after it healed is a new one. */
  id: z.string(),
  check: findingSchema.shape.check,
  class: findingSchema.shape.class,
  table: z.string().nullable(),
  hop: hopSchema,
  verdict: verdictSchema,
  state: z.enum(FINDING_STATES),
  firstSeenAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  confirmedAt: z.iso.datetime().nullable(),
  healedAt: z.iso.datetime().nullable(),
  /** Verifications that have seen it. */
  rounds: z.int().positive(),
  /** Rows or things concerned: at last, and at most. */
  count: z.int().nonnegative(),
  maxCount: z.int().nonnegative(),
  /** The first example that there was: it stays when the row is mended. */
  first: exampleSchema.nullable(),
  /** Rows that were named, by when they first were, {@link MOST_EXAMPLES} at most; a file of before has none. */
  examples: z.array(keptExampleSchema).default([]),
  detail: z.string(),
});
export type KeptFinding = z.infer<typeof keptFindingSchema>;
export type FindingState = KeptFinding['state'];

/** What a verification found, and of what it could tell that nothing is wrong. */
export interface Round extends Pick<Report, 'at' | 'checks' | 'tables'> {
  readonly findings: readonly Finding[];
}

/** Beyond so many, the first that have healed are left out; where none has, no other is taken in. */
const MOST_EXAMPLES = 100;

interface Limits {
  /** Healed findings are kept for so long, and so many of them. */
  readonly keepMs: number;
  readonly keep: number;
}

/**
 * Findings on disk, as NDJSON: a line is a finding as it then was, and the last line of an id counts. Rewritten when
 * most lines are old ones. What has not healed is never dropped.
 */
export class FindingStore {
  readonly #path: string;
  readonly #limits: Limits;
  #kept: Map<string, KeptFinding>;
  #lines: number;

  /** Reads what is there; a line torn by a kill is left out. */
  constructor(stateDir: string, limits: Limits) {
    mkdirSync(stateDir, { recursive: true });
    this.#path = join(stateDir, 'findings.ndjson');
    this.#limits = limits;
    const lines = existsSync(this.#path) ? readFileSync(this.#path, 'utf8').split('\n').filter(Boolean) : [];
    this.#kept = new Map(lines.flatMap(parseLine).map((finding) => [finding.id, finding]));
    this.#lines = lines.length;
    // A torn last line must not swallow the next one.
    if (lines.length > 0) this.#rewrite();
  }

  /** Newest first, by when they were first seen. */
  list(state?: FindingState, limit = 1_000): readonly KeptFinding[] {
    const all = [...this.#kept.values()].filter((finding) => state === undefined || finding.state === state);
    return all.sort((a, b) => (a.firstSeenAt < b.firstSeenAt ? 1 : -1)).slice(0, limit);
  }

  count(state: FindingState): number {
    return [...this.#kept.values()].filter((finding) => finding.state === state).length;
  }

  /**
   * Takes note of a verification: what it found is opened or confirmed; what it did not find, and could have, is
   * healed. A check that came to no verdict, or a table that was not judged as a whole, heals nothing.
   */
  note(round: Round): void {
    const hasJudged = judgedBy(round);
    const seen = this.#take(round, hasJudged);
    for (const finding of this.#kept.values()) {
      if (finding.state === 'healed' || seen.has(finding.id) || !hasJudged(finding)) continue;
      const examples = named(finding.examples, [], { at: round.at, isAll: true });
      this.#put({ ...finding, state: 'healed', healedAt: round.at, examples });
    }
    this.#retain(Date.parse(round.at));
  }

  /** Takes note of what was seen, by whoever looked at a part only: it heals nothing. Returns the ids. */
  seen(part: Pick<Round, 'at' | 'findings'>): ReadonlySet<string> {
    return this.#take(part, () => false);
  }

  #take(
    { at, findings }: Pick<Round, 'at' | 'findings'>,
    hasJudged: (about: Finding) => boolean,
  ): ReadonlySet<string> {
    const ids = new Set<string>();
    const told = findings.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'WARN');
    for (const group of Map.groupBy(told, subjectOf).values()) {
      const [first] = group;
      if (first === undefined) continue;
      const count = group.reduce((n, finding) => n + finding.count, 0);
      const known = this.#active(subjectOf(first));
      const kept = known === undefined ? opened(first, at, count) : again(known, first, at, count);
      const isAll = hasJudged(first) && group.every((finding) => finding.examples.length >= finding.count);
      this.#put({ ...kept, examples: named(kept.examples, group, { at, isAll }) });
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
    appendFileSync(this.#path, `${JSON.stringify(finding)}\n`);
    this.#lines++;
    if (this.#lines > 2 * this.#kept.size + 1_000) this.#rewrite();
  }

  #retain(nowMs: number): void {
    const healed = this.list('healed', Number.POSITIVE_INFINITY);
    const old = healed.filter(
      ({ healedAt }, i) => i >= this.#limits.keep || nowMs - Date.parse(healedAt ?? '') > this.#limits.keepMs,
    );
    for (const { id } of old) this.#kept.delete(id);
    if (old.length > 0) this.#rewrite();
  }

  #rewrite(): void {
    const next = `${this.#path}.next`;
    writeFileSync(next, [...this.#kept.values()].map((finding) => `${JSON.stringify(finding)}\n`).join(''));
    renameSync(next, this.#path);
    this.#lines = this.#kept.size;
  }
}

/**
 * Whether a round would have found it again. Not told by the worst verdict: a FAIL, of the table or of the check, hides
 * that the rest was not looked at.
 */
function judgedBy({ checks, tables, findings }: Round): (about: Pick<Finding, 'check' | 'table'>) => boolean {
  const competent = new Set(checks.flatMap(({ check, verdict }) => (isConclusive(verdict) ? [check] : [])));
  for (const { check, verdict } of findings) if (!isConclusive(verdict)) competent.delete(check);
  const blind = new Set(
    tables.flatMap(({ table, checksumEqual, inFlight }) =>
      checksumEqual === null || inFlight > 0 ? [table] : [],
    ),
  );
  return ({ check, table }) => competent.has(check) && (table === null || !blind.has(table));
}

function isConclusive(verdict: Report['verdict']): boolean {
  return verdict === 'PASS' || verdict === 'WARN' || verdict === 'FAIL';
}

/** What a finding is about: the hop may become known later, and is no part of it. */
function subjectOf({ check, class: name, table }: Pick<Finding, 'check' | 'class' | 'table'>): string {
  return JSON.stringify([check, name, table]);
}

function opened(finding: Finding, at: string, count: number): KeptFinding {
  const id = createHash('sha256')
    .update(`${subjectOf(finding)} ${at}`)
    .digest('hex')
    .slice(0, 16);
  const { check, class: name, table, hop, verdict, first, detail } = finding;
  return {
    ...{ id, check, class: name, table, hop, verdict, state: 'open', first, detail },
    ...{ firstSeenAt: at, lastSeenAt: at, confirmedAt: null, healedAt: null },
    ...{ rounds: 1, count, maxCount: count, examples: [] },
  };
}

function again(known: KeptFinding, finding: Finding, at: string, count: number): KeptFinding {
  return {
    ...known,
    hop: finding.hop === 'unknown' ? known.hop : finding.hop,
    verdict: finding.verdict,
    state: 'confirmed',
    lastSeenAt: at,
    confirmedAt: known.confirmedAt ?? at,
    rounds: known.rounds + 1,
    count,
    maxCount: Math.max(known.maxCount, count),
    first: known.first ?? finding.first,
    detail: finding.detail,
  };
}

/** Rows known before, and those that a round names; `isAll`: what it does not name is wrong no longer. */
function named(
  known: readonly KeptExample[],
  findings: readonly Finding[],
  { at, isAll }: { readonly at: string; readonly isAll: boolean },
): KeptExample[] {
  const now = new Map(
    findings.flatMap(({ examples }) => examples.map((example) => [rowOf(example), example])),
  );
  const before = known.map((example): KeptExample => {
    const row = rowOf(example);
    const again = now.get(row);
    if (example.healedAt !== null) return example;
    if (again === undefined) return isAll ? { ...example, healedAt: at } : example;
    now.delete(row);
    return { ...example, columns: again.columns, lastSeenAt: at };
  });
  const others = [...now.values()].map(
    ({ key, columns }): KeptExample => ({
      ...{ key, columns, firstSeenAt: at, lastSeenAt: at, healedAt: null },
    }),
  );
  const all = [...before, ...others];
  const healed = all.filter(({ healedAt }) => healedAt !== null);
  const leftOut = new Set(healed.slice(0, Math.max(0, all.length - MOST_EXAMPLES)));
  return all.filter((example) => !leftOut.has(example)).slice(0, MOST_EXAMPLES);
}

/** What tells two examples apart: the key, or the columns where a column is what is wrong. */
function rowOf({ key, columns }: Pick<Example, 'key' | 'columns'>): string {
  return JSON.stringify(Object.keys(key).length > 0 ? key : columns);
}

function parseLine(line: string): KeptFinding[] {
  try {
    const parsed = keptFindingSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
