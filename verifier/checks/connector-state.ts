import { type Check, notApplicable } from '../check.ts';
import type { ConnectorView } from '../observe/fence.ts';
import { type Finding, finding } from '../report.ts';
import { type Verdict, worst } from '../verdict.ts';

const name = 'connector-state';

/** The state of the connectors and their tasks, as the Connect REST API reports it. */
export default {
  name,
  describe: 'Every connector and every task is running.',
  needsFence: false,
  async run({ pipeline: { connectors, fence } }) {
    if (connectors.length === 0) return notApplicable('no connector is configured');
    const judged = connectors.map((connector) => ({
      connector,
      ...judge(connector, fence.tag === 'passed'),
    }));
    const findings = judged.flatMap(({ connector, verdict }): Finding[] => {
      if (verdict === 'PASS') return [];
      const hop = connector.type === 'source' ? 'capture' : 'sink';
      const own = { check: name, hop, verdict, detail: describe(connector) } as const;
      if (verdict === 'FAIL') return [finding({ ...own, class: 'connector-failed' })];
      return [finding({ ...own, class: verdict === 'INCONCLUSIVE' ? 'evidence-missing' : 'alert' })];
    });
    const detail = connectors.map(describe).join('; ');
    return { verdict: worst(['PASS', ...judged.map(({ verdict }) => verdict)]), detail, findings };
  },
} satisfies Check;

/** A paused connector with work left is in progress; behind the fence, with nothing left to do, it needs an operator. */
function judge(connector: ConnectorView, fencePassed: boolean): { verdict: Verdict } {
  const states = [connector.state, ...connector.tasks];
  if (states.includes('FAILED')) return { verdict: 'FAIL' };
  if (states.includes('UNREACHABLE')) return { verdict: 'INCONCLUSIVE' };
  if (states.every((state) => state === 'RUNNING') && connector.tasks.length > 0) return { verdict: 'PASS' };
  return { verdict: fencePassed ? 'WARN' : 'SYNC_IN_PROGRESS' };
}

function describe({ name, state, tasks, detail }: ConnectorView): string {
  const own =
    tasks.length === 0 || tasks.every((task) => task === state) ? '' : ` (tasks: ${tasks.join(', ')})`;
  return `${name} is ${state}${own}${detail === '' ? '' : `: ${detail}`}`;
}
