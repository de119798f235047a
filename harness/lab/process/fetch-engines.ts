import { join } from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';
import { enginesReady } from './connect-service.ts';

/** A slow line brings 75 MB. */
const FETCH_TIMEOUT_MS = 15 * 60_000;

/**
 * Sees to it that the jars of Kafka Connect and Debezium are there: fetched with Maven the first time they are asked
 * for, verified by checksum.
 *
 * @throws LabError CDC-5141 where they cannot be had, with what `engines.sh` says of it.
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
    why = 'the script that fetches them ended without a word',
    remedy = 'Run `make setup ENGINES=all`.',
  ] = result.stderr.split('\n').filter((line) => line.trim() !== '');
  throw new LabError('CDC-5141', why.replace(/^engines: /, 'Debezium is not there: '), {
    remedy: remedy.trim(),
  });
}
