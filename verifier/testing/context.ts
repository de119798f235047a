import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { CheckContext } from '../check.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { FenceOutcome } from '../observe/fence.ts';
import type { Progress } from '../report.ts';

interface Given extends Pick<Partial<CheckContext>, 'memory'> {
  readonly config?: Partial<VerifierConfigInput>;
  readonly databases?: Partial<CheckContext['databases']>;
  readonly pipeline?: Partial<CheckContext['pipeline']>;
  readonly evidence?: Partial<CheckContext['evidence']>;
}

/** A check's context. Evidence that the test does not plant throws when a check asks for it. */
export function contextOf({ config = {}, databases, pipeline, evidence, memory }: Given = {}): CheckContext {
  const absent = (what: string) => async (): Promise<never> => {
    throw new Error(`the test gives no ${what}`);
  };
  return {
    config: parseConfig(
      {
        port: 0,
        stateDir: 'unused',
        source: { url: 'postgres://none', slot: null },
        sink: { url: 'postgres://none' },
        kafka: null,
        ...config,
      },
      'test',
    ),
    signal: AbortSignal.timeout(60_000),
    databases: { source: absent('source'), sink: absent('sink'), ...databases },
    pipeline: {
      fence: passed(),
      connectors: [],
      topics: absent('topics'),
      kafka: absent('Kafka'),
      passFence: absent('fence'),
      ...pipeline,
    },
    evidence: {
      catalogues: absent('catalogues'),
      content: absent('content'),
      topicLog: async () => null,
      ledger: absent('ledger'),
      ...evidence,
    },
    memory,
  };
}

/** Catalogues of which the test gives a part: every table of the source is expected, and nothing else is known. */
export function cataloguesOf({ source = new Map(), ...own }: Partial<Catalogues> = {}): Catalogues {
  const expected = [...source.values()];
  return { source, copies: new Map(), expected, unknown: [], absent: [], misnamed: [], ...own };
}

export function progressOf(own: Partial<Progress> = {}): Progress {
  return {
    fencePassed: false,
    eventsBehind: 0,
    eventsBehindAtStart: 0,
    walBehindBytes: 0,
    rateEventsPerSecond: 0,
    waitedMs: 0,
    snapshotRunning: false,
    waitingFor: [],
    ...own,
  };
}

const LSN = 100n as Lsn;

export function passed(own: Partial<Progress> = {}): FenceOutcome {
  return { tag: 'passed', lsn: LSN, ends: new Map(), progress: progressOf({ fencePassed: true, ...own }) };
}

export function underWay(own: Partial<Progress> = {}): FenceOutcome {
  return { tag: 'in-progress', lsn: LSN, progress: progressOf(own) };
}
