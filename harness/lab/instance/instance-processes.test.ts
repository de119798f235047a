import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../../project.ts';
import type { DockerLabContext } from '../docker/docker-context.ts';
import { containerOf } from '../docker/lab-container.ts';
import { planInstance } from './instance-plan.ts';
import { prepareProcesses } from './instance-processes.ts';

const PORTS = {
  ...{ pgSource: 1, pgSink: 2 },
  ...{ kafkaClient: 3, kafkaLink: 4, kafkaLinkAdvertised: 5, kafkaController: 6 },
};

const MALLOC = { MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '1048576' };
const HEAP = ['--max-semi-space-size=2', '--max-old-space-size=1024'];

test('the verifier’s memory is limited, and goes back to the system: a long ledger must not take half of it', () => {
  const dir = makeTestFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const plan = planInstance(dir, { ports: PORTS }, 'lab', { capture: 7, sink: 8, verifier: 9 });
  const spec = {
    name: 'lab',
    source: { file: 'source' },
    sink: { file: 'sink' },
    verifyEveryMs: null,
    seedRows: 1,
    seed: 1,
  };
  const { verifier } = prepareProcesses(plan, spec, dir);
  const main = verifier.args.findIndex((arg) => arg.endsWith('verifier/main.ts'));
  expect(verifier.args.slice(0, main)).toEqual(expect.arrayContaining(HEAP));
  expect(verifier.env).toMatchObject(MALLOC);
  // In containers too.
  const context = { password: '' } as DockerLabContext;
  const container = containerOf(context, plan, verifier, null);
  expect(container.args.slice(0, 3)).toEqual([...HEAP, expect.stringMatching(/verifier\/main\.ts$/)]);
  expect(container.env).toEqual({ ...MALLOC, PGPASSWORD: '' });
  const compose = readFileSync(join(PROJECT_DIR, 'docker-compose.yml'), 'utf8');
  const service = compose.slice(compose.indexOf('\n  verifier:\n'), compose.indexOf('\n  # Writes,'));
  expect(service).toContain(`command: [${HEAP.join(', ')}, verifier/main.ts,`);
  for (const [name, value] of Object.entries(MALLOC)) expect(service).toContain(`${name}: ${value}\n`);
});
