import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type EnginePair, pairText } from '../../lab/engines.ts';
import { VARIANTS } from '../../plugins/scenario.ts';
import type { RunResult, VariantResult } from '../../runner/result.ts';
import { seen, verdictText } from './engines-text.ts';

/** What the page says of one run: kept in the repository, so that it grows scenario by scenario. */
const rowSchema = z.object({
  scenario: z.string(),
  variant: z.enum(VARIANTS),
  source: z.string(),
  sink: z.string(),
  verdict: z.string(),
  /** The verdict, for a FAIL with what was found. */
  text: z.string(),
  /** The findings with their counts, or how many events were delivered twice. */
  seen: z.string(),
  /** For the table of figures. */
  recoveryMs: z.number().nullable(),
  delivered: z.number().nullable(),
  behind: z.number().nullable(),
});
export type SeenRow = z.infer<typeof rowSchema>;

const FILE = join(import.meta.dirname, 'engines-seen.json');

export function readRows(): SeenRow[] {
  return existsSync(FILE) ? z.array(rowSchema).parse(JSON.parse(readFileSync(FILE, 'utf8'))) : [];
}

export function writeRows(rows: readonly SeenRow[]): void {
  writeFileSync(FILE, `${JSON.stringify(rows, null, 2)}\n`);
}

/** Earlier rows, and those of these runs in their places. */
export function withRuns(before: readonly SeenRow[], runs: readonly RunResult[]): SeenRow[] {
  const rows = [...before, ...runs.flatMap(({ results }) => results).map(rowOf)];
  const last = new Map(rows.map((row) => [nameOf(row), row]));
  return [...last.values()].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

const nameOf = ({ source, sink, scenario, variant }: SeenRow): string =>
  [source, sink, scenario, variant].join(' ');

function rowOf(result: VariantResult): SeenRow {
  const { scenario, variant, source, sink, verdict, recoveryMs, duplicates } = result;
  const { eventsBehind } = (result.proof.evidence['consumer-lag'] ?? {}) as { eventsBehind?: number };
  return {
    ...{ scenario, variant, source, sink, verdict, recoveryMs },
    ...{ text: verdictText(result), seen: seen(result) },
    ...{ delivered: duplicates.delivered, behind: eventsBehind ?? null },
  };
}

export function findRow(
  rows: readonly SeenRow[],
  id: string,
  variant: string,
  pair: EnginePair,
): SeenRow | undefined {
  return rows.find((row) => row.scenario === id && row.variant === variant && pairOf(row) === pairText(pair));
}

/** A row's engines are those of the lab; the type of its public shape is wider. */
const pairOf = ({ source, sink }: SeenRow): string => pairText({ source, sink } as EnginePair);
