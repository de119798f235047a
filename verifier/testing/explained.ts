import { explain } from '../explain/explain.ts';
import type { LedgerCommit, LifeRecord, RowLife, SinkState, StoredRow } from '../explain/row-life.ts';

export const at = (second: number): string => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString();
export const position = (n: number): string =>
  `00000001-${n.toString(16).toUpperCase().padStart(16, '0')}-00000001`;

export function commit(version: number, op: LedgerCommit['op'] = version === 1 ? 'c' : 'u'): LedgerCommit {
  return { tx: version, xid: String(700 + version), op, version, at: at(version), outcome: 'ok' };
}

/** A record of version n at position n, at the next offset of partition 2. */
export function record(version: number, own: Partial<LifeRecord> = {}): Omit<LifeRecord, 'offset'> {
  return {
    topic: 'lab.public.items',
    partition: 2,
    op: version === 1 ? 'c' : 'u',
    position: position(version),
    isPlaced: true,
    lsn: `0/${version}`,
    xid: 700 + version,
    committedAt: at(version),
    capturedAt: at(version),
    snapshot: null,
    version,
    oldKey: null,
    newKey: null,
    deadLetter: false,
    ...own,
  };
}
export const deletion = (n: number) => record(n, { op: 'd', version: null });
const tombstone = (n: number) => record(n, { op: null, version: null, lsn: null });

export function row(version: number, own: Readonly<Record<string, string>> = {}): StoredRow {
  return { version, metadata: { _cdc_position: position(version), _cdc_received_at: at(version), ...own } };
}

interface Given extends Partial<Omit<RowLife, 'records' | 'sink'>> {
  readonly records?: readonly Omit<LifeRecord, 'offset'>[];
  readonly sink?: Partial<SinkState>;
  /** Number of offsets that the sink has processed; all by default. */
  readonly done?: number;
}

/** Explains a row whose versions 1 and 2 were committed, published and applied, unless something else is given. */
export function explained({ records = [record(1), record(2)], sink, done, ...own }: Given = {}) {
  const source = own.source === undefined ? row(2) : own.source;
  const life: RowLife = {
    table: 'public.items',
    key: { id: '1' },
    at: at(50),
    commits: [commit(1), commit(2)],
    sourceAfter: source,
    isMoving: false,
    truncates: [],
    differing: [],
    differingHop: 'unknown',
    sinkOffsets: new Map([['lab.public.items/2', BigInt(done ?? records.length)]]),
    fence: { passed: true, waitingFor: '' },
    topicGap: '',
    faults: [],
    leftOut: { commits: 0, records: 0 },
    unseen: [],
    ...own,
    source,
    records: records.map((one, i) => ({ ...one, offset: BigInt(i) })),
    sink: { rows: [row(2)], tombstone: null, truncate: null, keepsPositions: true, ...sink },
  };
  const explanation = explain(life);
  const { verdict, class: name, hop, sentence } = explanation.conclusion;
  const fates = explanation.records.map(({ fate }) => fate.tag);
  return { explanation, said: [verdict, name, hop], sentence, fates };
}

/** Deleted at position 3. */
export const deleted = {
  commits: [commit(1), commit(2), commit(2, 'd')],
  source: null,
  records: [record(1), record(2), deletion(3), tombstone(3)],
};

export const truncate = { ...record(3, { op: 't', version: null, partition: 0 }), offset: 7n };
