import { expect, test } from 'vitest';
import { OWN_ENGINES } from '../lab/engines.ts';
import type { Lab } from '../lab/lab.ts';
import type { Runtime } from '../lab/runtime.ts';
import { loadFault, loadScenario } from '../plugins/catalogue.ts';
import { notRunHere } from './not-run.ts';

const RUNTIME: Runtime = { name: 'external', services: async () => [] };
const able = async (): Promise<never> => {
  throw new Error('it is only asked for');
};

function lab(runtime: Partial<Runtime>, cannotHost?: Lab['cannotHost']): Lab {
  return {
    ...{ dir: '/nowhere', runId: 'x', runtime: { ...RUNTIME, ...runtime } },
    ...{ instance: async () => undefined, createInstance: able },
    ...(cannotHost === undefined ? {} : { cannotHost }),
  };
}

async function reason(id: string, where: Lab): Promise<string | null> {
  return notRunHere({ scenario: await loadScenario(id), variant: 'sound' }, OWN_ENGINES, where, loadFault);
}

test('a lesson whose fault the runtime cannot inject is not run, and says what is lacking', async () => {
  expect(await reason('restart', lab({}))).toBe(
    'kill-at-crash-point: the external runtime cannot kill, start a service',
  );
  expect(await reason('restart', lab({ kill: able }))).toBe(
    'kill-at-crash-point: the external runtime cannot start a service',
  );
  expect(await reason('restart', lab({ kill: able, start: able }))).toBeNull();
});

test.each(['lag', 'schema-change', 'duplicate-resnapshot', 'backfill'])(
  '%s needs nothing of the runtime',
  async (id) => {
    expect(await reason(id, lab({}))).toBeNull();
  },
);

test('what the lab cannot host is not run, for its reason', async () => {
  expect(
    await reason(
      'lag',
      lab({}, async () => 'it is theirs'),
    ),
  ).toBe('it is theirs');
  expect(
    await reason(
      'lag',
      lab({}, async () => null),
    ),
  ).toBeNull();
});

test('one that breaks a server of others is not run where the lab starts none for it', async () => {
  const processes = { kill: able, start: able };
  expect(await reason('slot-lost', lab(processes))).toBe(
    'it needs servers of its own (pg-source), which the external runtime does not start',
  );
  expect(await reason('slot-lost', { ...lab(processes), privateServers: ['pg-source'] })).toBeNull();
});

test('one that takes a pipeline’s slot and tables away is run on the lab’s own pipelines only', async () => {
  expect(await reason('ddl-in-snapshot', lab({}))).toMatch(/its own pipelines only$/);
  expect(await reason('replica-identity', lab({}))).toMatch(/its own pipelines only$/);
  expect(await reason('ddl-in-snapshot', lab({ name: 'process' }))).toBeNull();
});
