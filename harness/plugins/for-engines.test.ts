import { describe, expect, it } from 'vitest';
import { tableTopics } from '../access/live-access.ts';
import { type EnginePair, pairName, SINKS, SOURCES } from '../lab/engines.ts';
import { loadScenario } from './catalogue.ts';
import { forEngines, isFor, notRun } from './for-engines.ts';
import { isFaultStep, variantOf } from './scenario.ts';

const OURS: EnginePair = { source: 'ts', sink: 'ts' };
const THEIRS: EnginePair = { source: 'debezium', sink: 'jdbc' };

const faultsOf = (scenario: Awaited<ReturnType<typeof loadScenario>>): string[] =>
  scenario.steps.inject.filter(isFaultStep).map(({ fault }) => fault);

describe('a scenario for a pair of engines', () => {
  it('keeps the steps that are for all, and those for its own engines', async () => {
    const restart = await loadScenario('restart');
    expect(faultsOf(forEngines(restart, OURS))).toEqual(['kill-at-crash-point']);
    expect(faultsOf(forEngines(restart, THEIRS))).toEqual(['kill-past-offset']);
    expect(forEngines(restart, THEIRS).steps.hold).toEqual(restart.steps.hold);
  });

  it('has the one verdict that is declared for them, or the variant’s own', async () => {
    const backfill = await loadScenario('backfill');
    expect(forEngines(backfill, OURS).variants.sound.expect.verdict).toBe('PASS');
    const mixed = forEngines(backfill, { source: 'ts', sink: 'jdbc' }).variants.sound;
    expect(mixed.expect).toMatchObject({ verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' } });
    expect(mixed.because).toContain('no position guard');
    const theirs = forEngines(backfill, THEIRS).variants.sound;
    expect(theirs.expect).toEqual(backfill.variants.sound.expect);
    expect(theirs.because).not.toBe(backfill.variants.sound.because);
  });

  it('keeps only the clauses that the sink can be held to', async () => {
    const { contract } = forEngines(await loadScenario('backfill'), THEIRS);
    expect(JSON.stringify(contract.clauses)).not.toContain('_cdc_');
    expect(contract.clauses).toHaveLength(1);
  });

  it('allows more time for each engine on Connect, and none for ours', async () => {
    const restart = await loadScenario('restart');
    expect(forEngines(restart, OURS).deadlinesMs).toEqual(restart.deadlinesMs);
    const { contract, deadlinesMs } = forEngines(restart, THEIRS);
    expect(contract.recoverWithinMs).toBe(restart.contract.recoverWithinMs + 2 * SINKS.jdbc.allowanceMs);
    expect(deadlinesMs.heal).toBe(restart.deadlinesMs.heal + 2 * SINKS.jdbc.allowanceMs);
  });

  it('never arms a crash point or plants a defect in an engine that has none', async () => {
    for (const id of ['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill']) {
      const scenario = await loadScenario(id);
      const { steps } = forEngines(scenario, THEIRS);
      const text = JSON.stringify(steps);
      expect(text).not.toMatch(/crash-point|hold-snapshot-chunk|"at":/);
      for (const variant of ['sound', 'naive'] as const) {
        if (notRun(scenario, variant, THEIRS) !== null) continue;
        expect(variantOf(scenario, variant).defects?.sink ?? []).toEqual([]);
      }
    }
  });
});

describe('a variant that a pair does not allow', () => {
  it('is not run, and says why; on our own pair everything is', async () => {
    const lag = await loadScenario('lag');
    expect(notRun(lag, 'naive', THEIRS)).toContain('planted defect');
    expect(notRun(lag, 'sound', THEIRS)).toBeNull();
    expect(notRun(lag, 'naive', OURS)).toBeNull();
    const { naive: __, ...soundOnly } = lag.variants;
    expect(notRun({ ...lag, variants: soundOnly }, 'naive', OURS)).toBe('the scenario has no naive variant');
  });

  it('is one without a declared verdict, or with a defect that cannot be planted', async () => {
    const lag = await loadScenario('lag');
    const { engines: _, ...bare } = variantOf(lag, 'naive');
    const undeclared = { ...lag, variants: { ...lag.variants, naive: bare } };
    expect(notRun(undeclared, 'naive', THEIRS)).toContain('declares no verdict for debezium+jdbc');
    const declared = { ...bare, engines: { 'debezium+jdbc': { because: 'it must' } } };
    const planted = { ...lag, variants: { ...lag.variants, naive: declared } };
    expect(notRun(planted, 'naive', THEIRS)).toContain('no defect can be planted');
  });
});

it('something is for the engines that it names, and for all where it names none', () => {
  expect(isFor(undefined, THEIRS)).toBe(true);
  expect(isFor({ source: 'debezium' }, THEIRS)).toBe(true);
  expect(isFor({ source: 'debezium', sink: 'ts' }, THEIRS)).toBe(false);
  expect(pairName(THEIRS)).toBe('debezium+jdbc');
});

it('one connector file serves both engines: our own keys are removed, and a heartbeat is added', () => {
  const sink = { 'dedup.mode': 'lsn', 'insert.mode': 'upsert' };
  expect(SINKS.jdbc.adapt(sink)).toEqual({ 'insert.mode': 'upsert' });
  expect(SINKS.ts.adapt(sink)).toEqual(sink);
  expect(SOURCES.debezium.adapt({ 'heartbeat.interval.ms': '9' })).toEqual({ 'heartbeat.interval.ms': '9' });
  expect(SOURCES.debezium.adapt({})).toHaveProperty(['heartbeat.interval.ms']);
});

it('topics that no sink reads do not count as tables: signals, messages, transactions, other prefixes', () => {
  const topics = ['a.public.t', 'a.public.debezium_signal', 'a.message', 'a.transaction', 'ab.public.t'];
  expect(tableTopics(topics, 'a')).toEqual(['a.public.t']);
});
