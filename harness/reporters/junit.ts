import { statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describeFinding } from '../runner/expectation.ts';
import type { JournalEvent } from '../runner/journal.ts';
import type { Reporter } from '../runner/reporter.ts';
import type { NotRun, RunResult, VariantResult } from '../runner/result.ts';

/** What XML 1.0 cannot hold, escaped or not, once lone surrogates are out. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
};

function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(FORBIDDEN, '\uFFFD')
    .replace(/[&<>"'\n\t\r]/g, (char) => ENTITIES[char] ?? char);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function testcase(result: VariantResult): string {
  const name = `${result.scenario} (${result.variant})`;
  const head = `    <testcase classname="cdc-lab.${xml(result.scenario)}" name="${xml(name)}" time="${seconds(result.durationMs)}"`;
  const output = [
    `verdict ${result.verdict}, expected ${result.expected}`,
    ...(result.reason === null ? [] : [result.reason]),
    ...result.findings.map(describeFinding),
  ].join('\n');
  if (result.ok) return `${head}>\n      <system-out>${xml(output)}</system-out>\n    </testcase>`;
  // INCONCLUSIVE says nothing about the pipeline, so it is an error in JUnit's terms; a wrong verdict is a failure.
  const kind = result.verdict === 'INCONCLUSIVE' ? 'error' : 'failure';
  const message = xml(result.reason ?? `expected ${result.expected}, got ${result.verdict}`);
  return `${head}>\n      <${kind} message="${message}" type="${result.verdict}">${xml(output)}</${kind}>\n    </testcase>`;
}

function skipped({ scenario, variant, reason }: NotRun): string {
  const name = `classname="cdc-lab.${xml(scenario)}" name="${xml(`${scenario} (${variant})`)}"`;
  return `    <testcase ${name} time="0">\n      <skipped message="${xml(reason)}"/>\n    </testcase>`;
}

/** For a run that ended early: without it, a report of skipped variants would be green. */
function early(reason: string): string {
  const message = xml(`the run did not end: ${reason}`);
  return `    <testcase classname="cdc-lab" name="the whole run" time="0">\n      <error message="${message}" type="INCONCLUSIVE"/>\n    </testcase>`;
}

function document(result: RunResult): string {
  const { results, notRun: left = [], endedEarly } = result;
  const whole = endedEarly === undefined ? [] : [early(endedEarly)];
  const errors = results.filter((one) => !one.ok && one.verdict === 'INCONCLUSIVE').length;
  const failures = results.filter((one) => !one.ok).length - errors;
  const tests = results.length + left.length + whole.length;
  const counts = `tests="${tests}" failures="${failures}" errors="${errors + whole.length}" time="${seconds(result.durationMs)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="cdc-lab" ${counts}>`,
    `  <testsuite name="cdc-lab run ${xml(result.runId)}" timestamp="${result.startedAt.slice(0, 19)}" skipped="${left.length}" ${counts}>`,
    '    <properties>',
    `      <property name="seed" value="${result.seed}"/>`,
    `      <property name="reproduce" value="${xml(result.reproduce)}"/>`,
    '    </properties>',
    ...results.map(testcase),
    ...left.map(skipped),
    ...whole,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

const NOT_ENDED = 'it was killed, or goes on';

/** A report without results, for a run that has not begun. */
export function emptyReport(now: Date): string {
  return document({
    ...{ schemaVersion: 1, runId: '', seed: 0, ok: false, startedAt: now.toISOString(), durationMs: 0 },
    ...{ reproduce: '', results: [], endedEarly: NOT_ENDED },
  });
}

/** Keeps a file up to date with the results so far, so that it is a report even if the run is killed. */
class ReportSoFar {
  readonly #file: string;
  #result: RunResult | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  on(event: JournalEvent): void {
    if (event.t === 'run-started') {
      const { runId, seed, at, reproduce } = event;
      this.#result = {
        ...{ schemaVersion: 1, runId, seed, ok: false, startedAt: at, durationMs: 0, reproduce },
        ...{ results: [], notRun: [], endedEarly: NOT_ENDED },
      };
    }
    if (this.#result === undefined) return;
    const { results, notRun = [] } = this.#result;
    if (event.t === 'not-run') notRun.push(event.notRun);
    if (event.t === 'variant-ended') results.push(event.result);
    if (event.t === 'variant-ended' || event.t === 'run-started') this.#write(results, notRun);
    if (event.t !== 'variant-started' || event.scenario === undefined || event.variant === undefined) return;
    const { scenario, variant } = event;
    const running = { scenario, variant, source: '', sink: '', reason: 'INCONCLUSIVE: it was not finished' };
    this.#write(results, [...notRun, running]);
  }

  #write(results: RunResult['results'], notRun: NotRun[]): void {
    // A pipe takes one document, the last.
    const isPipe = statSync(this.#file, { throwIfNoEntry: false })?.isFile() === false;
    if (this.#result === undefined || isPipe) return;
    writeFileSync(this.#file, document({ ...this.#result, results, notRun }));
  }
}

const reporter: Reporter = {
  description: 'JUnit XML, as CI systems read it: a verdict other than the expected one is a failure',
  create: ({ file, stdout }) => {
    const soFar = file === null ? null : new ReportSoFar(file);
    return {
      on: (event) => soFar?.on(event),
      end: async (result) => {
        if (file === null) stdout.write(document(result));
        else await writeFile(file, document(result));
      },
    };
  },
};

export default reporter;
