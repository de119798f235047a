import { execa } from 'execa';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { bytesText, countOfText } from '../../../verifier/units.ts';
import { enginesReady } from '../../lab/process/connect-service.ts';
import { kafkaClassPath } from '../../lab/process/kafka-service.ts';
import { freeBytes, LAB_BYTES } from '../../lab/state/state-dir.ts';
import { OLDEST_NODE } from '../../project.ts';
import { withTarget } from '../../terminal/with-target.ts';
import { wrap } from '../../terminal/wrap.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { loadLabControl } from '../lab-control.ts';
import { pageOf } from '../page.ts';

/** Below the text beside a mark and a name. */
const INDENT = ' '.repeat(13);

interface Diagnosis {
  readonly what: string;
  readonly ok: boolean;
  readonly said: string;
  readonly remedy: string | null;
}

/** Checks everything that `up` needs; exits with 69 if something is missing. */
export async function doctor(context: CliContext): Promise<number> {
  const diagnoses = [
    node(),
    await java(),
    artefacts(),
    engines(),
    disk(context.dir),
    ...(await leftovers(context)),
  ].map((one) => ({ ...one, remedy: one.remedy === null ? null : withTarget(one.remedy, context.target) }));
  const isWell = diagnoses.every((one) => one.ok);
  if (context.json) printJson(context, { schemaVersion: 1, ok: isWell, diagnoses });
  else {
    const { paint, width } = pageOf(context);
    const problems = diagnoses.filter((one) => !one.ok);
    const verdict = `${countOfText(problems.length, 'problem')} to solve first`;
    context.stdout.write(`${isWell ? paint.green('✔ ready') : paint.red(`✖ ${verdict}`)}\n\n`);
    for (const { what, ok, said, remedy } of [...problems, ...diagnoses.filter((one) => one.ok)]) {
      const mark = ok ? paint.green('✔') : paint.red('✖');
      const lines = wrap(`${mark} ${what.padEnd(10)} ${said}`, width, INDENT);
      if (remedy !== null) lines.push(...wrap(`${INDENT}${remedy}`, width, INDENT));
      context.stdout.write(`${lines.join('\n')}\n`);
    }
  }
  return isWell ? EXIT.ok : EXIT.unavailable;
}

function node(): Diagnosis {
  const ok = Number.parseInt(process.versions.node, 10) >= OLDEST_NODE;
  return {
    what: 'Node',
    ok,
    said: process.version,
    remedy: ok ? null : `Node.js ${OLDEST_NODE} or newer: make setup`,
  };
}

/** The `java` that the lab starts: the first on the PATH, whatever JAVA_HOME says. */
async function java(): Promise<Diagnosis> {
  const { stderr, exitCode } = await execa('java', ['-version'], { reject: false });
  const version = /version "(\d+)/.exec(String(stderr ?? ''))?.[1];
  const ok = exitCode === 0 && Number(version) >= 17;
  const said = exitCode === 0 ? `Java ${version ?? '?'}` : 'java does not run';
  return {
    what: 'Java',
    ok,
    said,
    remedy: ok ? null : 'a Java runtime ≥ 17, as package openjdk-17-jre-headless',
  };
}

function artefacts(): Diagnosis {
  try {
    const jars = kafkaClassPath().split(':').length;
    return { what: 'Kafka', ok: true, said: `${jars} jars`, remedy: null };
  } catch (error) {
    return { what: 'Kafka', ok: false, said: messageOf(error), remedy: 'make setup' };
  }
}

/** The lab's own pipeline does not need them, so their absence is not a problem. */
function engines(): Diagnosis {
  const said = enginesReady()
    ? 'Kafka Connect, Debezium and its JDBC sink are there'
    : 'Debezium is not installed; `--source debezium`, `--sink jdbc` or make setup ENGINES=all installs it';
  return { what: 'Engines', ok: true, said, remedy: null };
}

function disk(dir: string): Diagnosis {
  const free = freeBytes(dir);
  const ok = free >= LAB_BYTES;
  const said = `${bytesText(free)} free for ${dir}`;
  return {
    what: 'Disk',
    ok,
    said,
    remedy: ok ? null : 'free some space, or choose another folder with --dir',
  };
}

async function leftovers(context: CliContext): Promise<Diagnosis[]> {
  try {
    return await lookAtLab(context);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return [{ what: 'Lab', ok: false, said: error.message, remedy: error.remedy }];
  }
}

async function lookAtLab(context: CliContext): Promise<Diagnosis[]> {
  const lab = await (await loadLabControl(context)).open(context.dir);
  if (lab === undefined) return [{ what: 'Lab', ok: true, said: `none in ${context.dir}`, remedy: null }];
  const services = await lab.runtime.services();
  const broken = services.filter(({ state }) => state === 'dead' || state === 'paused');
  const pending = new UndoLog(lab.dir).outstanding();
  const running = services.filter(({ state }) => state === 'running').length;
  const dead = broken.map(({ name, state, log }) => `${name} is ${state} (${log})`).join(', ');
  return [
    {
      what: 'Lab',
      ok: broken.length === 0,
      said: broken.length === 0 ? `${running} services run in ${lab.dir}` : dead,
      remedy: broken.length === 0 ? null : 'cdc-lab heal, or cdc-lab up',
    },
    {
      what: 'Faults',
      ok: pending.length === 0,
      said:
        pending.length === 0
          ? 'none is left'
          : pending.map(({ fault, instance }) => `${fault} on ${instance}`).join(', '),
      remedy: pending.length === 0 ? null : 'cdc-lab heal',
    },
  ];
}
