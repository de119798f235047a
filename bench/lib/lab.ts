import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_DIR } from '../../harness/project.ts';

interface Ended {
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

const cli = join(PROJECT_DIR, 'bin', 'cdc-lab');

/** Runs the CLI as a user would. Rejects only if the process cannot start: any exit code is a result. */
export async function cdcLab(args: readonly string[], dir?: string): Promise<Ended> {
  const ended = await execa(cli, [...(dir === undefined ? [] : ['--dir', dir]), ...args], { reject: false });
  return {
    ...(ended.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    stdout: ended.stdout,
    stderr: ended.stderr,
  };
}

/** Like {@link cdcLab}, but rejects unless the exit code is 0. */
export async function mustCdcLab(args: readonly string[], dir?: string): Promise<Ended> {
  const result = await cdcLab(args, dir);
  if (result.exitCode !== 0) {
    throw new Error(`cdc-lab ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr}`);
  }
  return result;
}

/** Milliseconds that the promise took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Memory of a process and all its children, in bytes. `rss` counts shared pages (PostgreSQL's buffers, Node's code)
 * in each process; `pss` (proportional set size) counts them once in total.
 */
export async function treeMemory(root: number): Promise<{ rss: number; pss: number }> {
  const { stdout } = await execa('ps', ['-e', '-o', 'pid=,ppid=']);
  const children = new Map<number, number[]>();
  for (const line of stdout.split('\n')) {
    const [pid, ppid] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || ppid === undefined) continue;
    children.set(ppid, [...(children.get(ppid) ?? []), pid]);
  }
  const total = { rss: 0, pss: 0 };
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    queue.push(...(children.get(pid) ?? []));
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    total.rss += 1024 * Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    total.pss += 1024 * Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return total;
}
