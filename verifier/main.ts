/**
 * `verifier`: an independent oracle for a CDC pipeline, run as a separate process.
 * In: a configuration file; the two databases, Kafka and the Connect workers that it names.
 * Out: a report, once on stdout (`--once`) or continuously over HTTP, and the exit code of its verdict.
 * Promises: no evidence, no PASS. It shares no code with the pipeline but `pipeline/contract`, and an unreadable source,
 * a check that fails or a fence that is not passed is never reported as PASS.
 */

import { parseArgs } from 'node:util';
import { LabError, messageOf } from '../pipeline/contract/errors.ts';
import { loadConfig } from './config.ts';
import { loadChecks } from './load-checks.ts';
import { createServer, portOf } from './service/server.ts';
import { VerifierService } from './service/service.ts';
import { exitCodeOf } from './verdict.ts';

const USAGE = 'usage: node verifier/main.ts --config FILE [--once] [--strict]';

/** With `--once`, returns the verdict's exit code; otherwise runs until SIGTERM or SIGINT. */
async function main(): Promise<number> {
  const options = readArguments();
  if (options === null) {
    process.stderr.write(`${USAGE}\n`);
    return 64;
  }
  const config = loadConfig(options.config);
  const service = new VerifierService(config, await loadChecks());
  if (options.once) {
    const report = await service.verify();
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return exitCodeOf(report.verdict, options.strict);
  }
  const server = createServer(service, config.names);
  await server.listen({ host: config.host, port: config.port }).catch((cause: unknown) => {
    throw new LabError(
      'CDC-4002',
      `The verifier cannot listen on ${config.host}:${config.port}: ${messageOf(cause)}.`,
      {
        remedy: 'Choose another port.',
        cause,
      },
    );
  });
  const port = portOf(server) ?? config.port;
  process.stdout.write(`${JSON.stringify({ listening: `http://${config.host}:${port}` })}\n`);
  service.start();
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await service.stop();
  await server.close();
  return 0;
}

function readArguments(): { config: string; once: boolean; strict: boolean } | null {
  const options = {
    config: { type: 'string' },
    once: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  } as const;
  try {
    const { values } = parseArgs({ options });
    const { config, once, strict } = values;
    return config === undefined ? null : { config, once, strict };
  } catch {
    return null;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const known = error instanceof LabError;
  process.stderr.write(known ? `${error.code}: ${error.message} ${error.remedy}\n` : `${messageOf(error)}\n`);
  process.exitCode = !known ? 70 : error.code === 'CDC-4001' ? 64 : 69;
}
