import { writeFile } from 'node:fs/promises';
import { describeFinding } from '../runner/expectation.ts';
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

function document(result: RunResult): string {
  const errors = result.results.filter((one) => !one.ok && one.verdict === 'INCONCLUSIVE').length;
  const failures = result.results.filter((one) => !one.ok).length - errors;
  const left = result.notRun ?? [];
  const counts = `tests="${result.results.length + left.length}" failures="${failures}" errors="${errors}" time="${seconds(result.durationMs)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="cdc-lab" ${counts}>`,
    `  <testsuite name="cdc-lab run ${xml(result.runId)}" timestamp="${result.startedAt.slice(0, 19)}" skipped="${left.length}" ${counts}>`,
    '    <properties>',
    `      <property name="seed" value="${result.seed}"/>`,
    `      <property name="reproduce" value="${xml(result.reproduce)}"/>`,
    '    </properties>',
    ...result.results.map(testcase),
    ...left.map(skipped),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

const reporter: Reporter = {
  description: 'JUnit XML, as CI systems read it: a verdict other than the expected one is a failure',
  create: ({ file, stdout }) => ({
    on: () => undefined,
    end: async (result) => {
      if (file === null) stdout.write(document(result));
      else await writeFile(file, document(result));
    },
  }),
};

export default reporter;
