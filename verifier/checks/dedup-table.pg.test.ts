import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { shop } from '../testing/shop.ts';
import { verify } from '../verification/verify.ts';

const TOPIC = 'p.public.orders';

test.each([
  {
    applied: 2,
    suppressed: 1,
    agrees: true,
    verdict: 'PASS',
    said: 'in agreement with 2 applied and 1 suppressed',
  },
  { applied: 9, suppressed: 0, agrees: null, verdict: 'PASS', said: 'but fewer than the 9 applied' },
  { applied: 1, suppressed: 0, agrees: false, verdict: 'WARN', said: 'holds 1 deliveries that the sink' },
])(
  'two deliveries in the dedup table, beside $applied applied and $suppressed suppressed: $said',
  async (own) => {
    await using pair = await shop();
    await pair.onSink(`
    CREATE TABLE _cdc_dedup (connector text, identity text, topic text, partition int, "offset" bigint);
    CREATE TABLE _cdc_stats (topic text, applied bigint, suppressed bigint, dead_lettered bigint);
    INSERT INTO _cdc_dedup VALUES ('c', 'e1', '${TOPIC}', 0, 5), ('c', 'e2', '${TOPIC}', 0, 6);
    INSERT INTO _cdc_stats VALUES ('${TOPIC}', ${own.applied}, ${own.suppressed}, 0)`);
    const config = parseConfig(
      {
        ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 5_000, topicPrefix: 'p' },
        source: { url: pair.sourceUrl, slot: null },
        sink: { url: pair.sinkUrl },
      },
      'test',
    );
    const report = await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
    const check = report.checks.find((one) => one.check === 'duplicates');
    expect(check?.detail).toContain(own.said);
    expect(check?.verdict).toBe(own.verdict);
    const { applied, suppressed, agrees } = own;
    expect(report.deliveries?.dedupTable).toEqual({ rows: 2, applied, suppressed, agrees });
  },
);
