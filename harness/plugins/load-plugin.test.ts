import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectorFiles } from '../../fixtures/connectors/load.ts';
import { defectNames, loadDefect } from '../../fixtures/defects/load.ts';
import { UsageError } from '../errors.ts';
import type { ReporterOptions } from '../runner/reporter.ts';
import { loadReporter } from '../runner/reporter.ts';
import type { RunResult } from '../runner/result.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import { LESSONS, loadCases, loadFault, loadScenario, loadScenarios, loadStep } from './catalogue.ts';
import { ROOT } from './load-plugin.ts';
import { isFaultStep, variantOf, variantsOf } from './scenario.ts';

const KEBAB = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Names of the plug-ins in a folder, read without the loaders, which are under test. */
function namesIn(folder: string, helpers: readonly string[] = []): string[] {
  const absolute = path.join(ROOT, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .filter((name) => !helpers.includes(name));
}

const KINDS = readdirSync(path.join(ROOT, 'scenarios'));

const folders: Record<string, string[]> = {
  ...Object.fromEntries(KINDS.map((kind) => [`scenarios/${kind}`, namesIn(`scenarios/${kind}`)])),
  'harness/faults': namesIn('harness/faults'),
  'harness/steps': namesIn('harness/steps'),
  'harness/reporters': namesIn('harness/reporters'),
  'verifier/checks': namesIn('verifier/checks'),
  'fixtures/defects': namesIn('fixtures/defects', ['expected', 'load']),
};

describe.each(Object.entries(folders))('%s', (_, names) => {
  it('has plug-ins, each in a file with a kebab-case name', () => {
    expect(names).not.toEqual([]);
    for (const name of names) expect(name).toMatch(KEBAB);
  });
});

const scenarioFiles = KINDS.flatMap((kind) =>
  (folders[`scenarios/${kind}`] ?? []).map((id) => ({ id, kind })),
);

describe.each(scenarioFiles)('scenario $id', ({ id, kind }) => {
  it('is valid, its steps, its faults and their parameters included; its folder is its kind', async () => {
    const cases = await loadCases(id);
    expect(cases).not.toEqual([]);
    for (const one of cases) expect(one).toMatchObject({ id: expect.stringMatching(`^${id}(/|$)`), kind });
  });

  it('has connector files and defects that exist, for each variant', async () => {
    const cases = await loadCases(id);
    const files = await connectorFiles();
    const defects = await defectNames();
    const variants = cases.flatMap((one) => variantsOf(one).map((name) => variantOf(one, name)));
    for (const { source, sink, defects: planted = {} } of variants) {
      expect(files).toEqual(expect.arrayContaining([source.file, sink.file]));
      expect(defects).toEqual(expect.arrayContaining([...(planted.capture ?? []), ...(planted.sink ?? [])]));
    }
  });

  it('expects PASS of the sound pipeline, a warning or a loud stop, and FAIL of the naive one', async () => {
    for (const { variants } of await loadCases(id)) {
      const { expect: right } = variants.sound;
      const isLoud = right.verdict === 'FAIL' && right.finding.class === 'connector-failed';
      expect(kind !== LESSONS && (isLoud || right.verdict === 'WARN') ? 'PASS' : right.verdict).toBe('PASS');
      expect(variants.naive?.expect.verdict ?? 'FAIL').toBe('FAIL');
    }
  });

  it('injects a fault: without a proof no verdict means anything', async () => {
    for (const { steps } of await loadCases(id)) expect(steps.inject.some(isFaultStep)).toBe(true);
  });
});

describe.each(folders['harness/steps'] ?? [])('step %s', (name) => {
  it('says what it does, and gives an example of its parameters that is valid', async () => {
    const { description, params, example, check, touches } = await loadStep(name);
    expect(description).not.toBe('');
    expect(typeof touches === 'function' || touches.length > 0, 'says what it touches').toBe(true);
    expect(params.safeParse(example).success).toBe(true);
    await check?.(example, 'the example');
  });

  it('refuses parameters that it does not know', async () => {
    const { params, example } = await loadStep(name);
    expect(params.safeParse({ ...example, 'no-such-parameter': 1 }).success).toBe(false);
  });
});

describe.each(folders['harness/faults'] ?? [])('fault %s', (name) => {
  it('observes, injects, proves and heals', async () => {
    const fault = await loadFault(name);
    expect(fault.description).not.toBe('');
    expect(fault.needs.every((capability) => typeof capability === 'string')).toBe(true);
    const { touches } = fault;
    expect(typeof touches === 'function' || touches.length > 0, 'says what it touches').toBe(true);
  });

  it('gives an example of its parameters that is valid', async () => {
    const { params, example } = await loadFault(name);
    expect(params.safeParse(example).success).toBe(true);
  });

  it('heals twice, and where nothing was injected, without complaint', async () => {
    const fault = await loadFault(name);
    const world = new FakeWorld();
    const lab = world.lab('/nowhere');
    const signal = AbortSignal.timeout(5000);
    const instance = world.instance('plug-in', '/nowhere');
    const context = { lab, instance, access: await world.access(), signal, withinMs: 1000 };
    const params = fault.params.parse(fault.example);
    for (const time of ['first', 'second']) {
      const healed = await fault.heal(context, params);
      expect(healed.said, time).not.toBe('');
    }
    expect(world.log, 'nothing was broken, so nothing is started or killed').toEqual([]);
  });

  it('finds no proof where nothing was injected', async () => {
    const fault = await loadFault(name);
    const world = new FakeWorld();
    const signal = AbortSignal.timeout(5000);
    const instance = world.instance('plug-in', '/nowhere');
    const context = {
      lab: world.lab('/nowhere'),
      instance,
      access: await world.access(),
      signal,
      withinMs: 50,
    };
    const params = fault.params.parse(fault.example);
    const before = await fault.observe(context, params);
    expect(await fault.prove(context, params, before, {})).toBeUndefined();
  });

  it('refuses parameters that it does not know', async () => {
    const { params } = await loadFault(name);
    expect(params.safeParse({ 'no-such-parameter': 1 }).success).toBe(false);
  });
});

describe.each(folders['harness/reporters'] ?? [])('reporter %s', (name) => {
  let written = '';
  const stream = {
    write: (text: string) => {
      written += text;
      return true;
    },
  } as NodeJS.WritableStream;
  const options: ReporterOptions = {
    file: null,
    stdout: stream,
    stderr: stream,
    live: false,
    labDir: '',
    color: { stdout: false, stderr: false },
  };
  const empty: RunResult = {
    schemaVersion: 1,
    runId: 'r',
    seed: 1,
    ok: true,
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1,
    reproduce: 'cdc-lab run --all --seed 1',
    results: [],
  };
  beforeAll(() => {
    written = '';
  });

  it('reports an empty run, with the command that repeats it', async () => {
    const reporter = (await loadReporter(name)).create(options);
    await reporter.end(empty);
    expect(written).toContain('cdc-lab run --all --seed 1');
  });
});

describe.each(folders['fixtures/defects'] ?? [])('defect %s', (name) => {
  it('carries its own name, says what it gets wrong, and wraps at least one stage', async () => {
    const defect = await loadDefect(name);
    expect(defect.name).toBe(name);
    expect(defect.description.length).toBeGreaterThan(20);
    const stages = [defect.publish, defect.offsets, defect.admit, defect.apply].filter(
      (stage) => stage !== undefined,
    );
    expect(stages.length).toBeGreaterThan(0);
  });
});

describe.each(folders['verifier/checks'] ?? [])('check %s', (name) => {
  it('carries its own name and can be run', async () => {
    const file = path.join(ROOT, 'verifier/checks', `${name}.ts`);
    const module: { default?: { name?: unknown; run?: unknown } } = await import(pathToFileURL(file).href);
    expect(module.default?.name).toBe(name);
    expect(typeof module.default?.run).toBe('function');
  });

  it('is named by a test of the verifier that plants what the check must find', () => {
    const tests = readdirSync(path.join(ROOT, 'verifier'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .filter((file) => file.includes(`${name}.`) || mentions(readText('verifier', file), name));
    expect(tests).not.toEqual([]);
  });
});

const mentions = (text: string, name: string): boolean =>
  text.includes(`'${name}'`) || text.includes(`/${name}.ts'`);
const readText = (folder: string, file: string): string =>
  readFileSync(path.join(ROOT, folder, file), 'utf8');

describe('a plug-in that does not exist', () => {
  it('is a usage error that names the nearest', async () => {
    await expect(loadScenario('retsart')).rejects.toThrow('Did you mean "restart"?');
    await expect(loadScenario('retsart')).rejects.toBeInstanceOf(UsageError);
    await expect(loadFault('kill-servce')).rejects.toThrow('Did you mean "kill-service"?');
    await expect(loadScenarios('lesson')).rejects.toThrow('Did you mean "lessons"?');
    await expect(loadCases('restart/alone')).rejects.toThrow('the scenario restart has no cases');
    await expect(loadStep('until-comitted')).rejects.toThrow('Did you mean "until-committed"?');
  });

  it('is looked up by name, never by path', async () => {
    await expect(loadScenario('../harness/faults/resnapshot')).rejects.toBeInstanceOf(UsageError);
  });
});
