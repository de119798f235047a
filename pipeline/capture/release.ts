import type { Logger } from '../contract/connector.ts';
import { messageOf } from '../contract/errors.ts';

/**
 * Releases everything on the stack, latest first. A release that fails does not keep the others from running: it is
 * logged, because the reason why a session ends must not be replaced by a failure to clean up.
 */
export async function releaseAll(resources: AsyncDisposableStack, log: Logger): Promise<void> {
  try {
    await resources.disposeAsync();
  } catch (error) {
    for (const failure of failuresOf(error)) {
      log.error('A resource of the task could not be released.', { error: messageOf(failure) });
    }
  }
}

/** Several failures come nested: each SuppressedError holds the latest one and those before it. */
function failuresOf(error: unknown): unknown[] {
  return error instanceof SuppressedError ? [...failuresOf(error.suppressed), error.error] : [error];
}
