import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { CheckContext } from '../check.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import type { FenceOutcome } from '../observe/fence.ts';
import type { Progress } from '../report.ts';

type Given = Partial<Omit<CheckContext, 'config'>> & { readonly config?: Partial<VerifierConfigInput> };

/** What a check is given: evidence that the test does not plant cannot be had. */
export function contextOf({ config = {}, ...given }: Given = {}): CheckContext {
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
    fence: passed(),
    connectors: [],
    topics: absent('topics'),
    catalogues: absent('catalogues'),
    content: absent('content'),
    passFence: absent('fence'),
    topicLog: async () => null,
    source: absent('source'),
    sink: absent('sink'),
    kafka: absent('Kafka'),
    ...given,
  };
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
