import { expect, test } from 'vitest';
import type { InstanceSpec } from '../lab.ts';
import { planInstance } from './instance-plan.ts';
import { connectorOf } from './start-connector.ts';

const plan = planInstance(
  '/nowhere',
  {
    ports: {
      pgSource: 1,
      pgSink: 2,
      kafkaClient: 3,
      kafkaLink: 4,
      kafkaLinkAdvertised: 5,
      kafkaController: 6,
    },
  },
  'own',
  { capture: 4, sink: 5, verifier: 6 },
);
const spec: InstanceSpec = {
  name: 'own',
  source: { file: 'source' },
  sink: { file: 'sink' },
  verifyEveryMs: null,
  seedRows: 0,
  seed: 1,
};

test('tables of a scenario come after the fixture tables: as patterns in the capture, as topics in the sink', async () => {
  const own = { ...spec, atSource: { sql: ['…'], tables: ['public.a.b$', 'public.Ünlike "c"'] } };
  const [source, sink] = [await connectorOf(plan, own, 'source'), await connectorOf(plan, own, 'sink')];
  expect(source.config['table.include.list']).toMatch(
    /,public\.documents,public\.a\\\.b\\\$,public\.Ünlike "c"$/,
  );
  expect(sink.config.topics).toMatch(/,own\.public\.documents,own\.public\.a\.b_,own\.public\._nlike__c_$/);
});

test('without any, a connector is as its file says', async () => {
  const { config } = await connectorOf(plan, spec, 'sink');
  expect(config.topics).toMatch(/^own\.public\.customers,.*,own\.public\.documents$/);
});
