import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Interrupted } from '../errors.ts';
import { withTarget } from '../terminal/with-target.ts';
import { EXIT } from './context.ts';
import { exitCodeOf, isLabError } from './exit-code.ts';
import { codeOfCommanderError, declareProgram, type ProgramIo } from './program.ts';

/** A second Ctrl-C exits at once: the undo log is on disk, and the next command heals. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether the signal is ignored, as SIGHUP is below `nohup`: `SigIgn` of proc_pid_status(5). */
function isIgnored(signal: (typeof SIGNALS)[number]): boolean {
  const [, mask = '0'] = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** Of an error of a schema, whose message is a list, the first mistake: where a value is checked, it is told in words. */
function messageIn(error: Error): string {
  if (!error.name.endsWith('ZodError') || !('issues' in error) || !Array.isArray(error.issues))
    return error.message;
  const [{ path = [], message = '' } = {}]: { path?: PropertyKey[]; message?: string }[] = error.issues;
  return `${path.map(String).join('.')}: ${message}`;
}

function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `cdc-lab: ${String(error)}`;
  const lines = [`cdc-lab: ${messageIn(error)}${isLabError(error) ? ` [${error.code}]` : ''}`];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    const said = messageIn(cause);
    if (!error.message.includes(said)) lines.push(`  cause: ${said}`);
  }
  if (isLabError(error)) lines.push(`  ${error.remedy}`);
  else if (!debug) lines.push('  cdc-lab --debug shows where');
  if (debug && error.stack !== undefined) lines.push(error.stack);
  return lines.join('\n');
}

/** Whether the current folder is gone: then no path can be resolved. */
function isNowhere(): boolean {
  try {
    process.cwd();
    return false;
  } catch {
    return true;
  }
}

/** Questions go to stderr, as stdout is for data. Without a terminal at both ends, nobody is asked. */
function askOf(signal: AbortSignal): Partial<Pick<ProgramIo, 'ask'>> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return {};
  return {
    ask: async (question) => {
      const { askAt } = await import('./ask.ts');
      return askAt({ input: process.stdin, output: process.stderr }, question, signal);
    },
  };
}

async function main(argv: readonly string[]): Promise<number> {
  if (isNowhere()) {
    process.stderr.write('cdc-lab: the current folder has been removed\n  change to another one\n');
    return EXIT.unavailable;
  }
  const interrupt = new AbortController();
  for (const name of SIGNALS.filter((one) => !isIgnored(one))) {
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
      interrupt.abort(new Interrupted(name === 'SIGINT' ? 'Ctrl-C' : name));
    });
  }
  let code: number = EXIT.ok;
  let target: readonly string[] = [];
  const program = declareProgram(
    {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      stdoutIsTty: process.stdout.isTTY === true,
      stderrIsTty: process.stderr.isTTY === true,
      signal: interrupt.signal,
      ...askOf(interrupt.signal),
    },
    (finished) => {
      code = finished;
    },
    (context) => {
      target = context.target;
    },
  );
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    const usage = codeOfCommanderError(error);
    if (usage !== undefined) return usage;
    const reason = interrupt.signal.aborted ? interrupt.signal.reason : error;
    process.stderr.write(`${withTarget(describe(reason, argv.includes('--debug')), target)}\n`);
    return exitCodeOf(reason);
  }
}

// The reader of a pipe may end first, as in `cdc-lab consume … | head`: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  process.stderr.write(`cdc-lab: stdout cannot be written: ${error.message}\n`, () =>
    process.exit(EXIT.unavailable),
  );
});
// Nobody is there to be told.
process.stderr.on('error', () => undefined);
process.exitCode = await main(process.argv);
// Exit although idle sockets are open, but first give output that a pipe has not yet taken half a second.
setTimeout(() => process.exit(), 500).unref();
