import { Interrupted, UnavailableError, UsageError } from '../errors.ts';
import { EXIT } from './context.ts';

/** Codes of system errors that mean "something needed is missing or down". */
const SYSTEM =
  /^(ECONNREFUSED|ENOTFOUND|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EADDRINUSE|ENOSPC|EDQUOT|EFBIG|EROFS|EACCES|EPERM|EIO|EMFILE|ENFILE|ENOMEM|EAGAIN)$/;
/** PostgreSQL: connection exceptions, no resources, shut down or starting up. */
const POSTGRES = /^(08...|53...|57P0[123])$/;
/** kafkajs: no broker answers, or none that could. */
const KAFKA =
  /^KafkaJS(Connection\w*|Broker\w*|NumberOfRetriesExceeded|RequestTimeout\w*|NoBroker\w*|Timeout)(Error)?$/;

/** What a command that threw exits with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof UnavailableError || isLabError(error)) return EXIT.unavailable;
  return isOutage(error) ? EXIT.unavailable : EXIT.internal;
}

/** Whether it, its cause, or one of several errors at once, comes from something that is missing or down. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  if (SYSTEM.test(code) || POSTGRES.test(code) || KAFKA.test(error.name)) return true;
  if (error.message.startsWith('Connection terminated')) return true;
  const others = error instanceof AggregateError ? error.errors : [];
  return [error.cause, ...others].some(isOutage);
}

export interface ErrorWithRemedy extends Error {
  readonly code: string;
  readonly remedy: string;
}

/** Recognises the lab's own errors by their shape, so that `--help` need not load the class. */
export function isLabError(error: unknown): error is ErrorWithRemedy {
  return error instanceof Error && error.name !== 'TypeError' && 'remedy' in error && 'code' in error;
}
