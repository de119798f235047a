import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import { probe } from '../services/probes.ts';
import type { ServiceSpec } from '../services/service-spec.ts';

const KILL_AFTER_MS = 60_000;
const KEPT_CHUNKS = 50;
const LAST_LINES = 15;

/** A service that ends with this process: for a test, a benchmark, a set-up. */
export interface StartedChild extends AsyncDisposable {
  readonly pid: number;
  /** SIGTERM, then SIGKILL if it does not end. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ChildOptions {
  /** The service's PGPASSWORD, if it wants one. */
  readonly password?: string;
  /** Put before the service's own arguments. */
  readonly flags?: readonly string[];
}

/**
 * Starts a service as a child of this process, and waits until it answers.
 * @throws LabError CDC-5145 with the last lines of its output if it does not.
 */
export async function startChild(spec: ServiceSpec, options: ChildOptions = {}): Promise<StartedChild> {
  const output: string[] = [];
  const child = execa(spec.command, [...(options.flags ?? []), ...spec.args], {
    cwd: spec.cwd,
    env: { ...spec.env, ...(spec.wantsPassword ? { PGPASSWORD: options.password ?? '' } : {}) },
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  child.all.on('data', (chunk: Buffer) => {
    output.push(chunk.toString('utf8'));
    if (output.length > KEPT_CHUNKS) output.shift();
  });
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    await child;
  };
  let ended = false;
  void child.then(() => {
    ended = true;
  });
  const ready = await poll(
    async () => {
      if (ended || child.pid === undefined) return 'ended' as const;
      return (await probe(spec.probe, options.password ?? '', 2_000)).ok ? ('ready' as const) : undefined;
    },
    { withinMs: spec.readyTimeoutMs, everyMs: 50, maxEveryMs: 200 },
  );
  if (ready === 'ready' && child.pid !== undefined) return { pid: child.pid, [Symbol.asyncDispose]: end };
  await end();
  const why = ready === 'ended' ? 'ended' : `did not answer within ${spec.readyTimeoutMs} ms`;
  const last = output.join('').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  throw new LabError('CDC-5145', `${spec.name} ${why}. Its last lines:\n${last}`, {
    remedy: 'Run `cdc-lab doctor` to check what it needs.',
  });
}
