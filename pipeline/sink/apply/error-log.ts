import type { Logger } from '../../contract/connector.ts';
import type { Poison } from '../bind/binder.ts';
import type { SinkConfig } from '../config/sink-config.ts';

/**
 * `errors.log.enable`: logs every record that cannot be applied, tolerated or not, as Connect's LogReporter does. An
 * error's message can quote a value of the row, so it is left out unless `errors.log.include.messages` is true.
 */
export function logErrors(
  log: Logger,
  config: Pick<SinkConfig, 'logErrors' | 'logErrorMessages'>,
  poison: readonly Poison[],
): void {
  if (!config.logErrors) return;
  for (const { record, error } of poison) {
    const { topic, partition, offset, timestampMs } = record;
    const { code } = error as { code?: unknown };
    log.error('a record cannot be applied', {
      stage: 'TASK_PUT',
      topic,
      partition,
      offset: String(offset),
      error: error.name,
      ...(typeof code === 'string' ? { code } : {}),
      ...(config.logErrorMessages ? { message: error.message, timestampMs } : {}),
    });
  }
}
