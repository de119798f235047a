import type { Difference } from './differences.ts';

/** A record as read from its topic. Its engine's topic prefix is replaced by `PREFIX` everywhere. */
export interface SeenRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which topic of which variant is compared. */
export interface Place {
  readonly variant: string;
  readonly topic: string;
}

/** Compares two topics record by record, field by field. */
export function compareTopics(
  place: Place,
  ours: readonly SeenRecord[],
  theirs: readonly SeenRecord[],
): Difference[] {
  const found: Difference[] = [];
  if (ours.length !== theirs.length) {
    const ops = (records: readonly SeenRecord[]) => records.map(opOf).join(' ');
    found.push({ ...place, index: -1, op: '', path: 'count', ours: ops(ours), theirs: ops(theirs) });
  }
  for (const [index, our] of ours.entries()) {
    const their = theirs[index];
    if (their === undefined) break;
    const at = { ...place, index, op: opOf(their) };
    if (our.partition !== their.partition) {
      found.push({ ...at, path: 'partition', ours: our.partition, theirs: their.partition });
    }
    // Byte by byte, because the partitioner hashes the bytes.
    if (our.key !== their.key) found.push({ ...at, path: 'key', ours: our.key, theirs: their.key });
    const differ = (path: string, a: unknown, b: unknown) => {
      found.push({ ...at, path, ours: a, theirs: b });
    };
    compareFields('value', parse(our.value), parse(their.value), differ);
    compareFields('headers', our.headers, their.headers, differ);
  }
  return found;
}

/** The operation of a record; `tombstone`; or `other` for a record that is not a change event. */
export function opOf({ value }: SeenRecord): string {
  if (value === null) return 'tombstone';
  return /"op":"(\w)"/.exec(value)?.[1] ?? 'other';
}

/** Parses JSON but keeps numbers as they are written: `1.0` differs from `1`, and 2^53 + 1 from 2^53. */
function parse(json: string | null): unknown {
  if (json === null) return null;
  const keepNumbers = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? `#${context?.source}` : value;
  return JSON.parse(json, keepNumbers as (key: string, value: unknown) => unknown);
}

function compareFields(
  path: string,
  ours: unknown,
  theirs: unknown,
  differ: (path: string, ours: unknown, theirs: unknown) => void,
): void {
  if (Object.is(ours, theirs)) return;
  if (!isObject(ours) || !isObject(theirs) || Array.isArray(ours) !== Array.isArray(theirs)) {
    differ(path, ours, theirs);
    return;
  }
  const names = Object.keys(ours);
  const others = Object.keys(theirs);
  for (const name of new Set([...names, ...others])) {
    compareFields(`${path}.${name}`, ours[name], theirs[name], differ);
  }
  const common = (some: readonly string[], of: object) => some.filter((name) => Object.hasOwn(of, name));
  if (common(names, theirs).join() !== common(others, ours).join()) {
    differ(`${path} (order of fields)`, names, others);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
