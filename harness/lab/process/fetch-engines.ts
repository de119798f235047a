import { join } from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';
import { enginesReady } from './connect-service.ts';

/** Enough for 75 MB on a slow line. */
const FETCH_TIMEOUT_MS = 15 * 60_000;

/**
 * Makes sure that the jars of Kafka Connect and Debezium are there: fetches them with Maven the first time, and
 * verifies their checksums.
 *
 * @throws LabError CDC-5141 if that fails, with the message of `engines.sh`.
 */
export async function ensureEngines(progress: (step: string) => void, signal?: AbortSignal): Promise<void> {
  if (enginesReady()) return;
  progress('fetching Kafka Connect and Debezium with Maven, once …');
  const result = await execa('sh', [join(PROJECT_DIR, 'harness/setup/engines.sh')], {
    cwd: PROJECT_DIR,
    reject: false,
    stdin: 'ignore',
    timeout: FETCH_TIMEOUT_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (result.exitCode === 0 && enginesReady()) return;
  const [
    why = 'the script that fetches them ended without a message',
    remedy = 'Run `make setup ENGINES=all`.',
  ] = result.stderr.split('\n').filter((line) => line.trim() !== '');
  throw new LabError('CDC-5141', why.replace(/^engines: /, 'Debezium is not installed: '), {
    remedy: remedy.trim(),
  });
}
