import { poll } from '../../wait.ts';
import {
  allProcesses,
  commandLineOf,
  isAlive,
  isPending,
  type ProcessIdentity,
  type ProcessStat,
  readStat,
  signalProcess,
  threadStates,
  withDescendants,
} from '../state/process-table.ts';

const STOP_TIMEOUT_MS = 10_000;
const GONE_TIMEOUT_MS = 10_000;

/**
 * Stops (SIGSTOP) the processes and all their descendants, and looks again until none runs: a stopped parent
 * starts no children, so this ends. Descendants too, because a PostgreSQL backend keeps answering while only its
 * postmaster is stopped.
 *
 * @returns the stopped processes, parents first.
 * @throws where one does not stop in time.
 */
export async function stopTree(roots: readonly ProcessIdentity[]): Promise<ProcessStat[]> {
  const stopped = await poll(
    () => {
      const tree = treeOf(roots);
      const running = tree.filter((process) => !isStopped(process.pid));
      if (running.length === 0) return tree;
      for (const process of running) signalExactly(process, 'SIGSTOP');
      return undefined;
    },
    { withinMs: STOP_TIMEOUT_MS, everyMs: 2, maxEveryMs: 20 },
  );
  if (stopped === undefined) {
    const left = treeOf(roots).filter((process) => !isStopped(process.pid));
    const states = left.map(
      ({ pid }) => `${pid} (threads ${threadStates(pid).join('')}): ${commandLineOf(pid)}`,
    );
    throw new Error(`not stopped within ${STOP_TIMEOUT_MS} ms: ${states.join('; ')}`);
  }
  return stopped;
}

/** Resumes a stopped tree, children first, so that no parent sees a stopped child. */
export function continueTree(roots: readonly ProcessIdentity[]): ProcessStat[] {
  const tree = treeOf(roots);
  for (const process of tree.toReversed()) signalExactly(process, 'SIGCONT');
  return tree;
}

/**
 * Kills (SIGKILL) the processes and all their descendants, which are stopped first so that none escapes.
 *
 * @returns the killed processes, when they are gone.
 */
export async function killTree(roots: readonly ProcessIdentity[]): Promise<ProcessStat[]> {
  const tree = await stopTree(roots);
  for (const process of tree) signalExactly(process, 'SIGKILL');
  await waitGone(tree, GONE_TIMEOUT_MS);
  return tree;
}

/** @throws where one of them still lives at the deadline. */
export async function waitGone(processes: readonly ProcessStat[], timeoutMs: number): Promise<void> {
  const gone = await poll(() => (processes.some(stillThere) ? undefined : true), {
    withinMs: timeoutMs,
    everyMs: 2,
    maxEveryMs: 50,
  });
  if (gone === undefined) {
    const left = processes.filter(stillThere).map((process) => process.pid);
    throw new Error(`processes ${left.join(', ')} still live after ${timeoutMs} ms`);
  }
}

/** The living ones among `roots`, and their descendants. */
export function treeOf(roots: readonly ProcessIdentity[]): ProcessStat[] {
  const living = new Set(roots.filter(isAlive).map((identity) => identity.pid));
  return withDescendants(living, allProcesses());
}

/**
 * True when no thread can run another instruction before SIGCONT: each is stopped, or waits in the kernel (`D`)
 * and stops when it returns. That wait may never end: a parent stays in vfork(2) until its child calls exec(2),
 * which a child that was stopped before that never does.
 */
export function isStopped(pid: number): boolean {
  const states = threadStates(pid);
  const isStill = (state: string): boolean => state === 'T' || state === 't';
  // If one thread is stopped, the stop has reached the whole process, threads in the kernel included.
  const isDue = (): boolean => states.some(isStill) || isPending(pid, 'SIGSTOP');
  return states.every((state) => isStill(state) || (state === 'D' && isDue()));
}

export function stillThere(process: ProcessStat): boolean {
  const now = readStat(process.pid);
  return now !== undefined && now.startTicks === process.startTicks && now.state !== 'Z' && now.state !== 'X';
}

function signalExactly(process: ProcessStat, signal: NodeJS.Signals): void {
  if (stillThere(process)) signalProcess(process.pid, signal);
}
