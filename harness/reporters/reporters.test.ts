import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { Multiplexer, type Reporter, type ReporterOptions } from '../runner/reporter.ts';
import { type RunResult, runJsonSchema, runResultSchema, type VariantResult } from '../runner/result.ts';
import { finding } from '../runner/testing/fake-lab.ts';
import json from './json.ts';
import junit from './junit.ts';
import markdown from './markdown.ts';
import terminal from './terminal.ts';

const passed: VariantResult = {
  scenario: 'restart',
  variant: 'sound',
  source: 'ts',
  sink: 'ts',
  runtime: 'process',
  verdict: 'PASS',
  expected: 'PASS',
  ok: true,
  reason: null,
  expectedFinding: null,
  durationMs: 8123,
  recoveryMs: 912,
  proof: { injected: 'kill-at-crash-point', healed: 'started capture again', evidence: {} },
  duplicates: { delivered: 4, suppressed: 4 },
  findings: [],
  dir: 'restart-sound',
};
const wrong: VariantResult = {
  ...passed,
  variant: 'naive',
  verdict: 'FAIL',
  expected: 'FAIL',
  ok: false,
  reason: 'FAIL, but not for "duplicate" <@sink> & | \u0007\uD800',
  findings: [finding()],
};
const unknown: VariantResult = {
  ...passed,
  scenario: 'lag',
  verdict: 'INCONCLUSIVE',
  ok: false,
  reason: 'no proof',
};
const result: RunResult = {
  schemaVersion: 1,
  runId: '20260101-000000-abcd',
  seed: 7,
  ok: false,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 12_345,
  reproduce: 'cdc-lab run --all --seed 7',
  results: [passed, wrong, unknown],
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-reporters-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

class Text {
  text = '';
  write(chunk: string): boolean {
    this.text += chunk;
    return true;
  }
}

async function draw(reporter: Reporter, over: Partial<ReporterOptions> = {}, shown: RunResult = result) {
  const [out, err] = [new Text(), new Text()];
  const stdout = out as unknown as NodeJS.WritableStream;
  const stderr = err as unknown as NodeJS.WritableStream;
  const started = reporter.create({
    file: null,
    stdout,
    stderr,
    live: false,
    labDir: '/lab',
    color: { stdout: false, stderr: false },
    ...over,
  });
  started.on({ t: 'run-started', at: '', runId: 'r', seed: 7, planned: [], reproduce: result.reproduce });
  started.on({
    t: 'phase-started',
    at: '',
    runId: 'r',
    scenario: 'restart',
    variant: 'sound',
    phase: 'hold',
  });
  await started.end(shown);
  return { out: out.text, err: err.text };
}

describe('a variant that was not run', () => {
  const reason = 'no defect can be planted in it';
  const left = { scenario: 'lag', variant: 'naive', source: 'debezium', sink: 'jdbc', reason } as const;
  const shown: RunResult = { ...result, ok: true, results: [passed], notRun: [left] };

  it('is reported by every reporter with its reason, and counts neither as met nor as missed', async () => {
    for (const reporter of [terminal, junit, markdown, json])
      expect((await draw(reporter, {}, shown)).out).toContain(reason);
    expect((await draw(terminal, {}, shown)).out).toContain('1 of 1 verdicts as expected, 1 not run');
    const xml = (await draw(junit, {}, shown)).out;
    expect(xml).toContain('tests="2" failures="0" errors="0"');
    expect(xml).toContain('skipped="1"');
    expect(xml).toContain(`<skipped message="${reason}"/>`);
  });
});

test('the terminal reporter names a pipeline that could not be dropped', () => {
  const err = new Text();
  const stderr = err as unknown as NodeJS.WritableStream;
  const started = terminal.create({
    file: null,
    stdout: stderr,
    stderr,
    live: false,
    labDir: '/lab',
    color: { stdout: false, stderr: false },
  });
  started.on({ t: 'drop-failed', at: '', runId: 'r', instance: 'lag-sound-1', error: 'the server is gone' });
  expect(err.text).toContain('lag-sound-1 could not be dropped');
  expect(err.text).toContain('the server is gone');
});

describe('the JSON reporter', () => {
  it('prints one document of the published shape on stdout, and nothing else', async () => {
    expect(runResultSchema.parse(JSON.parse((await draw(json)).out))).toEqual(result);
  });

  it('has its shape published in run.schema.json', () => {
    const published = JSON.parse(readFileSync(path.join(import.meta.dirname, 'run.schema.json'), 'utf8'));
    expect(published, 'run: node harness/runner/write-schemas.ts').toEqual(runJsonSchema());
  });
});

describe('the JUnit reporter', () => {
  it('distinguishes a wrong verdict from an inconclusive one', async () => {
    const { out } = await draw(junit);
    expect(out).toContain('tests="3" failures="1" errors="1"');
    expect(out.match(/<failure /g)).toHaveLength(1);
    expect(out.match(/<error /g)).toHaveLength(1);
  });

  it('escapes what XML cannot hold', async () => {
    const { out } = await draw(junit);
    expect(out).toContain('not for &quot;duplicate&quot; &lt;@sink&gt; &amp; | \uFFFD\uFFFD');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(out).not.toMatch(/[\u0000-\u0008]/);
  });

  it('names the seed and the command that does it again', async () => {
    expect((await draw(junit)).out).toContain(
      '<property name="reproduce" value="cdc-lab run --all --seed 7"/>',
    );
  });

  it('writes to its file', async () => {
    const file = path.join(dir, 'junit.xml');
    expect((await draw(junit, { file })).out).toBe('');
    expect(readFileSync(file, 'utf8')).toMatch(/^<\?xml/);
  });
});

describe('a run that ended early', () => {
  const endedEarly = 'interrupted by Ctrl-C';
  const interrupted: RunResult = { ...result, results: [passed, unknown], endedEarly };

  it('is said by every reporter', async () => {
    for (const reporter of [terminal, junit, markdown, json])
      expect((await draw(reporter, {}, interrupted)).out).toContain(endedEarly);
  });

  it('is an error in JUnit, even if no variant has one', async () => {
    const { out } = await draw(junit, {}, { ...interrupted, results: [passed] });
    expect(out).toContain('tests="2" failures="0" errors="1"');
    expect(out).toContain(
      '<error message="the run did not end: interrupted by Ctrl-C" type="INCONCLUSIVE"/>',
    );
  });

  it('has a report at every moment: what has ended, and what was running', () => {
    const file = path.join(dir, 'killed.xml');
    const out = new Text() as unknown as NodeJS.WritableStream;
    const started = junit.create({
      file,
      stdout: out,
      stderr: out,
      live: false,
      color: { stdout: false, stderr: false },
      labDir: '/lab',
    });
    const at = '2026-01-01T00:00:00.000Z';
    const within = { at, runId: 'r', scenario: 'lag', variant: 'sound' } as const;
    started.on({ t: 'run-started', at, runId: 'r', seed: 7, planned: [], reproduce: 'again' });
    started.on({ t: 'variant-ended', at, runId: 'r', result: passed });
    started.on({ t: 'variant-started', ...within, title: '', breaks: '', because: '', spec: null });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('tests="3" failures="0" errors="1"');
    expect(text).toContain('name="restart (sound)"');
    expect(text).toMatch(/name="lag \(sound\)".*\n +<skipped message="INCONCLUSIVE: it was not finished"/);
    expect(text.trimEnd()).toMatch(/<\/testsuites>$/);
  });
});

describe('the Markdown reporter', () => {
  it('appends, so that a step can report twice', async () => {
    const file = path.join(dir, 'summary.md');
    await draw(markdown, { file });
    await draw(markdown, { file });
    expect(readFileSync(file, 'utf8').match(/^### /gm)).toHaveLength(2);
  });

  it('lets no pipe end a cell and no tag begin', async () => {
    const row = (await draw(markdown)).out.split('\n').find((line) => line.includes('naive'));
    expect(row?.replaceAll('\\|', '').split('|')).toHaveLength(9);
    expect(row).not.toContain('<@sink>');
  });
});

describe('the terminal reporter', () => {
  it('prints plain lines off a terminal: no escape, no carriage return', async () => {
    const { out, err } = await draw(terminal);
    expect(`${out}${err}`).not.toContain('\u001B');
    expect(`${out}${err}`).not.toContain('\r');
  });

  it('marks each verdict as expected or not, and names the seed', async () => {
    const { out } = await draw(terminal);
    expect(out).toMatch(/^✔ restart +sound +PASS .*4 delivered twice, 4 suppressed · recovered in 0.9 s/m);
    expect(out).toMatch(/^✖ restart +naive +FAIL .*3 missing @sink in public.orders/m);
    expect(out).toContain('1 of 3 verdicts as expected, 12.3 s');
    expect(out).toContain('seed 7 · again: cdc-lab run --all --seed 7');
    expect(out).toContain('journal: /lab/runs/r/');
  });

  it('prints commands that lead to the lab of the run', async () => {
    const { out, err } = await draw(terminal, { target: ['--dir', '/x'] });
    expect(out).toContain('again: cdc-lab run --dir /x --all --seed 7');
    expect(out).toContain('cdc-lab run --dir /x restart --variant naive --keep');
    expect(err).toContain('again: cdc-lab run --dir /x --all --seed 7');
  });

  it('redraws one line on a terminal', async () => {
    expect((await draw(terminal, { live: true })).err).toContain('\r\u001B[2K');
  });
});

describe('a reporter that throws', () => {
  const broken = {
    on: () => {
      throw new Error('disk full');
    },
    end: async () => undefined,
  };

  it('is put aside and named, and the others go on', async () => {
    const multiplexer = new Multiplexer();
    let ended = 0;
    multiplexer.add('broken', broken);
    multiplexer.add('well', {
      on: () => undefined,
      end: async () => {
        ended += 1;
      },
    });
    multiplexer.on({ t: 'phase-started', at: '', runId: 'r', phase: 'steady' });
    await multiplexer.end(result);
    expect(ended).toBe(1);
    expect(multiplexer.failures.map(({ reporter }) => reporter)).toEqual(['broken']);
  });
});
