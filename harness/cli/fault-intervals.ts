import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { FaultInterval } from '../../verifier/explain/row-life.ts';
import { type JournalEvent, readJournal } from '../runner/journal.ts';

/** The instance that `cdc-lab trigger` breaks; the journal of a trigger names no instance. */
const TRIGGERED = 'lab';

/** The faults of an instance, oldest first, from the journals of all runs and triggers of the lab. */
export function faultIntervals(labDir: string, instance: string): readonly FaultInterval[] {
  const runs = path.join(labDir, 'runs');
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .map((run) => path.join(runs, run, 'journal.ndjson'))
    .filter((file) => existsSync(file))
    .flatMap((file) => intervalsOf(readJournal(file), instance))
    .sort((a, b) => (a.begunAt < b.begunAt ? -1 : 1));
}

/** The faults of one journal. A fault lasts from its undo, which is written before it is injected, to its heal. */
export function intervalsOf(events: readonly JournalEvent[], instance: string): FaultInterval[] {
  const intervals: FaultInterval[] = [];
  /** Instances by scenario and variant: the journal names each once. */
  const instances = new Map<string, string>();
  const open = new Map<string, number>();
  for (const event of events) {
    const where = `${event.scenario} ${event.variant}`;
    if (event.t === 'instance-ready') instances.set(where, String(event.instance.name));
    if (!('fault' in event) || (instances.get(where) ?? TRIGGERED) !== instance) continue;
    const id = `${where} ${event.fault}`;
    const at = open.get(id);
    const interval = at === undefined ? undefined : intervals[at];
    if (event.t === 'undo-written') {
      const { runId, fault, scenario = null } = event;
      open.set(id, intervals.length);
      intervals.push({ fault, runId, scenario, begunAt: event.at, provenAt: null, healedAt: null });
    } else if (at !== undefined && interval !== undefined) {
      if (event.t === 'fault-proven') intervals[at] = { ...interval, provenAt: event.at };
      if (event.t === 'fault-healed') intervals[at] = { ...interval, healedAt: event.at };
    }
  }
  return intervals;
}
