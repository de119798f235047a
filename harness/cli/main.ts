import { Interrupted, UnavailableError, UsageError } from '../errors.ts';
import { EXIT } from './context.ts';
import { codeOfCommanderError, declareProgram } from './program.ts';

/** Codes of system errors that mean "something needed is missing or down". */
const UNAVAILABLE = /^(ECONNREFUSED|ENOTFOUND|ECONNRESET|ETIMEDOUT|EADDRINUSE|ENOSPC|EROFS|EACCES)$/;
/** A second Ctrl-C exits at once: the undo log is on disk, and the next command heals. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof UnavailableError) return EXIT.unavailable;
  if (isLabError(error)) return EXIT.unavailable;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return UNAVAILABLE.test(code) ? EXIT.unavailable : EXIT.internal;
}

interface ErrorWithRemedy extends Error {
  readonly code: string;
  readonly remedy: string;
}

/** Recognises the lab's own errors by their shape, so that `--help` need not load the class. */
function isLabError(error: unknown): error is ErrorWithRemedy {
  return error instanceof Error && error.name !== 'TypeError' && 'remedy' in error && 'code' in error;
}

/** Recognises by shape an answer that did not parse: a service of another version is still running. */
function isShapeError(
  error: Error,
): error is Error & { issues: readonly { path: PropertyKey[]; message: string }[] } {
  return error.name.endsWith('ZodError') && 'issues' in error;
}

function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `cdc-lab: ${String(error)}`;
  if (isShapeError(error)) {
    const [first] = error.issues;
    const at = first?.path.map(String).join('.') ?? '';
    return (
      `cdc-lab: A service answered in a format that this version does not know (${at}: ${first?.message}).\n` +
      '  If it was started by another version: cdc-lab down, then cdc-lab up.'
    );
  }
  const lines = [`cdc-lab: ${error.message}${isLabError(error) ? ` [${error.code}]` : ''}`];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!error.message.includes(cause.message)) lines.push(`  cause: ${cause.message}`);
  }
  if (isLabError(error)) lines.push(`  ${error.remedy}`);
  else if (!debug) lines.push('  cdc-lab --debug shows where');
  if (debug && error.stack !== undefined) lines.push(error.stack);
  return lines.join('\n');
}

async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
      interrupt.abort(new Interrupted(name === 'SIGINT' ? 'Ctrl-C' : name));
    });
  }
  let code: number = EXIT.ok;
  const program = declareProgram(
    {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      stdoutIsTty: process.stdout.isTTY === true,
      stderrIsTty: process.stderr.isTTY === true,
      signal: interrupt.signal,
    },
    (finished) => {
      code = finished;
    },
  );
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    const usage = codeOfCommanderError(error);
    if (usage !== undefined) return usage;
    const reason = interrupt.signal.aborted ? interrupt.signal.reason : error;
    process.stderr.write(`${describe(reason, argv.includes('--debug'))}\n`);
    return exitCodeOf(reason);
  }
}

// The reader of a pipe may end first, as in `cdc-lab consume … | head`: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});
process.exitCode = await main(process.argv);
// Exit although idle sockets are open, but first give output that a pipe has not yet taken half a second.
setTimeout(() => process.exit(), 500).unref();
