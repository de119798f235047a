import { describe, expect, it } from 'vitest';
import { loadPipeline, pipelineFile, pipelineNames } from '../../fixtures/pipelines/load.ts';
import { loadFault, loadScenario, loadScenarios } from '../plugins/catalogue.ts';
import { isFaultStep } from '../plugins/scenario.ts';
import { forPipeline, notRunOn, sidesOf } from './foreign-pipelines.ts';

const load = async (name: string) => loadPipeline(await pipelineFile(name));

describe.each(await pipelineNames())('pipeline %s', (name) => {
  it('is valid, and names only scenarios that exist', async () => {
    const known = (await loadScenarios()).map(({ id }) => id);
    expect(known).toEqual(expect.arrayContaining(Object.keys((await load(name)).lessons)));
  });

  it('gets faults whose parameters are valid, and none at a crash point of a sink that it replaces', async () => {
    const pipeline = await load(name);
    for (const scenario of await loadScenarios()) {
      if (notRunOn(scenario, pipeline) !== null) continue;
      const faults = forPipeline(scenario, pipeline).steps.inject.filter(isFaultStep);
      expect(faults.length, scenario.id).toBeGreaterThan(0);
      for (const { fault, with: params } of faults) {
        expect((await loadFault(fault)).params.safeParse(params).success, `${scenario.id}: ${fault}`).toBe(
          true,
        );
        expect(params.connector).not.toBe('sink');
      }
    }
  });
});

describe('a lesson on a pipeline', () => {
  it('stops the pipeline where the lab would pause its sink, and kills it where the lab would kill its capture', async () => {
    const [native, kafkajs] = [await load('native-replication'), await load('kafkajs-upsert')];
    const [lag, restart] = [await loadScenario('lag'), await loadScenario('restart')];
    const stop = { do: 'fault', fault: 'end-pipeline', with: { how: 'stop' } };
    expect(forPipeline(lag, kafkajs).steps.inject).toEqual([stop]);
    expect(forPipeline(lag, native).steps.hold).toEqual([{ do: 'until-committed', transactions: 500 }]);
    expect(forPipeline(restart, kafkajs).steps.inject[0]).toMatchObject({ fault: 'kill-at-crash-point' });
    expect(forPipeline(restart, native).steps.inject[0]).toMatchObject({ with: { how: 'kill' } });
    expect(forPipeline(restart, native).lateProofs).toEqual([]);
  });

  it('has the verdict that the pipeline declares', async () => {
    const backfill = forPipeline(await loadScenario('backfill'), await load('kafkajs-upsert'));
    expect(backfill.variants.sound.expect).toMatchObject({ verdict: 'FAIL', finding: { class: 'stale' } });
  });

  it('is not run if the pipeline does not name it, or if its fault breaks the lab’s capture', async () => {
    const native = await load('native-replication');
    const backfill = await loadScenario('backfill');
    expect(notRunOn(backfill, { ...native, lessons: {} })).toContain('declares no verdict for it');
    const passes = { verdict: 'PASS', because: 'it must' } as const;
    const declared = { ...native, lessons: { backfill: passes } };
    expect(notRunOn(backfill, declared)).toContain('hold-snapshot-chunk');
    expect(notRunOn(backfill, { ...declared, position: 'consumer-group' })).toBeNull();
  });

  it('names the pipeline on the sides that it carries', async () => {
    const named = async (name: string) => sidesOf({ name, file: '', pipeline: await load(name) });
    expect(await named('kafkajs-upsert')).toEqual({ source: 'ts', sink: 'kafkajs-upsert' });
    expect(await named('native-replication')).toEqual({
      source: 'native-replication',
      sink: 'native-replication',
    });
  });
});

describe('a pipeline that does not exist, or is invalid', () => {
  it('is refused with the nearest name, the known ones, or what is wrong with the file', async () => {
    await expect(pipelineFile('kafkajs-upsrt')).rejects.toThrow('Did you mean "kafkajs-upsert"?');
    await expect(pipelineFile('./no-such.ts')).rejects.toThrow('There is no file');
    const file = await pipelineFile(`${import.meta.dirname}/foreign-pipelines.ts`);
    await expect(loadPipeline(file)).rejects.toThrow('it has no default export');
  });
});
