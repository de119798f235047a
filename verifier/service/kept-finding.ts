import { createHash } from 'node:crypto';
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

/** A row that a finding named, with its own times. A row that is wrong again after it healed gets a new entry. */
const keptExampleSchema = exampleSchema.omit({ detail: true }).extend({
  firstSeenAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  /** Null also if it is unknown: of many wrong rows, a verification names only the first few. */
  healedAt: z.iso.datetime().nullable(),
});
type KeptExample = z.infer<typeof keptExampleSchema>;

/** A finding and its life: open when first seen, confirmed when seen again, healed when a verification found it gone. */
export const keptFindingSchema = z.object({
  /** Identifies one life: a finding that comes back after it healed gets another id. */
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
  /** Rows or things concerned, when last seen. */
  count: z.int().nonnegative(),
  /** The highest count so far. */
  maxCount: z.int().nonnegative(),
  /** The first example that was named. It stays when its row is repaired. */
  first: exampleSchema.nullable(),
  /** Rows in the order in which they were named, {@link MOST_EXAMPLES} at most; an older file has none. */
  examples: z.array(keptExampleSchema).default([]),
  detail: z.string(),
});
export type KeptFinding = z.infer<typeof keptFindingSchema>;
export type FindingState = KeptFinding['state'];

/** Of more rows, those that healed first are dropped. If none has healed, no further row is added. */
const MOST_EXAMPLES = 100;

/** What a verification, or a look at a part of the rows, saw of one subject. */
export interface Sighting {
  /** ISO 8601. */
  readonly at: string;
  /** All findings about the subject; at least one. */
  readonly findings: readonly [Finding, ...Finding[]];
  /** The findings name every row of the subject that is wrong: a row that is not named has healed. */
  readonly isComplete: boolean;
}

/** What a finding is about. The hop is not part of it: it may become known later. */
export function subjectOf({ check, class: name, table }: Pick<Finding, 'check' | 'class' | 'table'>): string {
  return JSON.stringify([check, name, table]);
}

/** Begins the life of a finding. */
export function opened({ at, findings, isComplete }: Sighting): KeptFinding {
  const { check, class: name, table, hop, verdict, first, detail } = findings[0];
  const hash = createHash('sha256').update(`${subjectOf(findings[0])} ${at}`);
  const count = countOf(findings);
  return {
    id: hash.digest('hex').slice(0, 16),
    check,
    class: name,
    table,
    hop,
    verdict,
    state: 'open',
    firstSeenAt: at,
    lastSeenAt: at,
    confirmedAt: null,
    healedAt: null,
    rounds: 1,
    count,
    maxCount: count,
    first,
    examples: updated([], findings, { at, isComplete }),
    detail,
  };
}

/** Confirms a finding that was seen again. */
export function confirmed(known: KeptFinding, { at, findings, isComplete }: Sighting): KeptFinding {
  const [latest] = findings;
  const count = countOf(findings);
  return {
    ...known,
    hop: latest.hop === 'unknown' ? known.hop : latest.hop,
    verdict: latest.verdict,
    state: 'confirmed',
    lastSeenAt: at,
    confirmedAt: known.confirmedAt ?? at,
    rounds: known.rounds + 1,
    count,
    maxCount: Math.max(known.maxCount, count),
    first: known.first ?? latest.first,
    examples: updated(known.examples, findings, { at, isComplete }),
    detail: latest.detail,
  };
}

/** Ends the life of a finding that a verification would have seen, but did not. */
export function healed(known: KeptFinding, at: string): KeptFinding {
  const examples = updated(known.examples, [], { at, isComplete: true });
  return { ...known, state: 'healed', healedAt: at, examples };
}

function countOf(findings: readonly Finding[]): number {
  return findings.reduce((sum, { count }) => sum + count, 0);
}

function updated(
  known: readonly KeptExample[],
  findings: readonly Finding[],
  { at, isComplete }: Pick<Sighting, 'at' | 'isComplete'>,
): KeptExample[] {
  const named = new Map(
    findings.flatMap(({ examples }) => examples.map((example) => [rowOf(example), example])),
  );
  const before = known.map((example): KeptExample => {
    if (example.healedAt !== null) return example;
    const row = rowOf(example);
    const again = named.get(row);
    if (again === undefined) return isComplete ? { ...example, healedAt: at } : example;
    named.delete(row);
    return { ...example, columns: again.columns, lastSeenAt: at };
  });
  const added = [...named.values()].map(
    ({ key, columns }): KeptExample => ({ key, columns, firstSeenAt: at, lastSeenAt: at, healedAt: null }),
  );
  const all = [...before, ...added];
  const gone = all.filter(({ healedAt }) => healedAt !== null);
  const dropped = new Set(gone.slice(0, Math.max(0, all.length - MOST_EXAMPLES)));
  return all.filter((example) => !dropped.has(example)).slice(0, MOST_EXAMPLES);
}

/** What distinguishes two examples: the key, or the columns if the finding is about columns. */
function rowOf({ key, columns }: Pick<Example, 'key' | 'columns'>): string {
  return JSON.stringify(Object.keys(key).length > 0 ? key : columns);
}

/** A verification: what it found, and what it judged. */
export interface Round extends Pick<Report, 'at' | 'checks' | 'tables'> {
  readonly findings: readonly Finding[];
}

/**
 * Returns whether a round judged the subject of a finding, so that it would have seen it. The worst verdict does not tell:
 * a table or check that is FAIL may also have parts that were not judged.
 */
export function judgedBy({
  checks,
  tables,
  findings,
}: Round): (about: Pick<Finding, 'check' | 'table'>) => boolean {
  const conclusive = new Set(
    checks.flatMap(({ check, verdict, status }) =>
      isConclusive(verdict) && status !== 'not-applicable' ? [check] : [],
    ),
  );
  for (const { check, verdict } of findings) if (!isConclusive(verdict)) conclusive.delete(check);
  const unjudged = new Set(
    tables.flatMap(({ table, checksumEqual, inFlight }) =>
      checksumEqual === null || inFlight > 0 ? [table] : [],
    ),
  );
  return ({ check, table }) => conclusive.has(check) && (table === null || !unjudged.has(table));
}

function isConclusive(verdict: Report['verdict']): boolean {
  return verdict === 'PASS' || verdict === 'WARN' || verdict === 'FAIL';
}
