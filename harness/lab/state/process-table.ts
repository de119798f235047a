import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';

/**
 * Identifies a process. A pid alone does not, because the kernel reuses it; so its start time (clock ticks since
 * boot, field 22 of `/proc/PID/stat`) and the boot are part of the identity.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/** One line of the process table, as proc_pid_stat(5) describes it. */
export interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  /** `R`, `S`, `D`, `T` stopped, `Z` zombie, … */
  readonly state: string;
  readonly startTicks: string;
}

/**
 * Parses `/proc/PID/stat`. The command's name may contain blanks and brackets, so fields are counted from the last
 * `)`.
 */
export function parseStat(text: string): ProcessStat | undefined {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parentPid] = fields;
  // Field 22 of the line; the first field after the name is field 3.
  const startTicks = fields[19];
  if (!Number.isInteger(pid) || state === undefined || parentPid === undefined || startTicks === undefined) {
    return undefined;
  }
  return { pid, parentPid: Number(parentPid), state, startTicks };
}

/** Undefined if there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProcFile(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** Changes with every boot of the machine, so that pids and start times from before the boot match nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The identity of a living process; undefined if there is none, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined || isGone(stat)) return undefined;
  return { pid, startTicks: stat.startTicks, bootId: bootId() };
}

/** True while exactly this process lives; false for a zombie, and for another process that got its pid. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = readStat(identity.pid);
  return stat !== undefined && !isGone(stat) && stat.startTicks === identity.startTicks;
}

/** A zombie has only its exit status left. Where pid 1 does not reap, it stays for ever. */
function isGone(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X';
}

/** Every living process of the machine. */
export function allProcesses(): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat !== undefined && !isGone(stat)) found.push(stat);
  }
  return found;
}

/** The processes of `roots` and all their descendants, parents first. */
export function withDescendants(
  roots: ReadonlySet<number>,
  table: readonly ProcessStat[] = allProcesses(),
): ProcessStat[] {
  const children = Map.groupBy(table, (process) => process.parentPid);
  const found: ProcessStat[] = table.filter((process) => roots.has(process.pid));
  const seen = new Set(found.map((process) => process.pid));
  for (const process of found) {
    for (const child of children.get(process.pid) ?? []) {
      if (!seen.has(child.pid)) found.push(child);
      seen.add(child.pid);
    }
  }
  return found;
}

/** States of all threads: a process is stopped only when each of them is. */
export function threadStates(pid: number): string[] {
  const states: string[] = [];
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (isNoSuchProcess(error)) return states;
    throw error;
  }
  for (const thread of threads) {
    const text = readProcFile(`/proc/${pid}/task/${thread}/stat`);
    const state = text === undefined ? undefined : parseStat(text)?.state;
    if (state !== undefined) states.push(state);
  }
  return states;
}

/** True while a signal that was sent to the process is pending: `ShdPnd` and `SigPnd` of proc_pid_status(5). */
export function isPending(pid: number, signal: NodeJS.Signals): boolean {
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  const masks = (readProcFile(`/proc/${pid}/status`) ?? '').matchAll(/^(?:ShdPnd|SigPnd):\s+([0-9a-f]+)$/gm);
  return [...masks].some(([, mask]) => (BigInt(`0x${mask}`) & bit) !== 0n);
}

/** The value of a variable in the environment a process was started with; undefined if it may not be read. */
export function environmentOf(pid: number, variable: string): string | undefined {
  const text = readProcFile(`/proc/${pid}/environ`);
  return text
    ?.split('\0')
    .find((entry) => entry.startsWith(`${variable}=`))
    ?.slice(variable.length + 1);
}

/** The working directory of a process; undefined if it may not be read. */
export function workingDirectoryOf(pid: number): string | undefined {
  return readProcLink(`/proc/${pid}/cwd`);
}

/** The binary that a process runs; undefined if it may not be read. */
export function executableOf(pid: number): string | undefined {
  return readProcLink(`/proc/${pid}/exe`);
}

/** The command line: arguments joined by blanks, at most 200 characters. */
export function commandLineOf(pid: number): string {
  return (readProcFile(`/proc/${pid}/cmdline`) ?? '').split('\0').join(' ').trim().slice(0, 200);
}

/** Sends a signal; false if the process has gone meanwhile. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (isNoSuchProcess(error)) return false;
    throw error;
  }
}

function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNoSuchProcess(error)) return undefined;
    throw error;
  }
}

function readProcLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isNoSuchProcess(error)) return undefined;
    throw error;
  }
}

/** ESRCH: it ended while it was read. EACCES, EPERM: it belongs to another user, so it is not the lab's. */
function isNoSuchProcess(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM';
}
