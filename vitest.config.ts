import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const servers = ['**/*.pg.test.ts', '**/*.kafka.test.ts', '**/*.lab.test.ts'];
const never = ['**/node_modules/**', '**/.lab/**', '**/.cache/**'];

// The folders that tests make are removed, however the run ends.
const testRun = 'fixtures/testing/test-run.ts';

// CI counts from files: one for each of the two runs of `npm test`.
const results = process.env.CDC_LAB_TEST_RESULTS;
const counted =
  results === undefined
    ? {}
    : {
        reporters: ['default', 'json'],
        outputFile: { json: `${results}/vitest-${process.pid}.json` },
      };

/** Tests of whole labs take minutes, however short their files are: begun last, they would leave one worker idle. */
class LabsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLab = ({ moduleId }: TestSpecification): number => Number(moduleId.endsWith('.lab.test.ts'));
    return (await super.sort(files)).toSorted((a, b) => isLab(b) - isLab(a));
  }
}

export default defineConfig({
  test: {
    ...counted,
    sequence: { sequencer: LabsFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...never, ...servers, '**/*.docker.test.ts'],
          globalSetup: [testRun],
          // Some start the command line twice, and a machine may be busy.
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: servers,
          exclude: never,
          // One PostgreSQL pair and one broker for all files; each test makes its own databases and topics.
          globalSetup: [testRun, 'fixtures/testing/servers.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'docker',
          include: ['**/*.docker.test.ts'],
          exclude: never,
          // An engine and the images; `npm run test:docker` brings both.
          globalSetup: [testRun, 'docker/testing/engine.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
