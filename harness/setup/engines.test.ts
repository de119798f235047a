import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PROJECT_DIR } from '../project.ts';

const JAR = 'the jar';
const JARS = ['connect/a.jar', 'plugins/debezium-jdbc/c.jar', 'plugins/debezium-postgres/b.jar'];

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cdc-lab-engines-'));
  mkdirSync(join(root, 'harness/setup'), { recursive: true });
  mkdirSync(join(root, 'bin'));
  copyFileSync(join(PROJECT_DIR, 'harness/setup/engines.sh'), join(root, 'harness/setup/engines.sh'));
  const sum = createHash('sha256').update(JAR).digest('hex');
  writeFileSync(
    join(root, 'harness/setup/engines-jars.sha256'),
    JARS.map((jar) => `${sum}  ./${jar}\n`).join(''),
  );
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A replacement for Maven. `body` gets the output folder as $out, and the name of the profile's jar as $jar. */
function mavenDoes(body: string): void {
  const script = `#!/bin/sh
for arg in "$@"; do
  case $arg in
    -DoutputDirectory=*) out=\${arg#*=} ;;
    connect) jar=a.jar ;;
    debezium-postgres) jar=b.jar ;;
    debezium-jdbc) jar=c.jar ;;
  esac
done
${body}
`;
  writeFileSync(join(root, 'bin/mvn'), script);
  chmodSync(join(root, 'bin/mvn'), 0o755);
}

const fetch = () =>
  execa('sh', [join(root, 'harness/setup/engines.sh')], {
    env: { PATH: `${join(root, 'bin')}:${process.env.PATH}` },
    reject: false,
  });

const WITHIN_MS = 60_000;

test('jars with the right checksums are put in place, and not fetched again', async () => {
  mavenDoes(`mkdir -p "$out"; printf '${JAR}' >"$out/$jar"; echo "$jar" >>"${join(root, 'calls')}"`);
  expect((await fetch()).exitCode).toBe(0);
  expect(JARS.filter((jar) => !existsSync(join(root, '.cache/engines', jar)))).toEqual([]);
  mavenDoes('exit 1');
  expect((await fetch()).exitCode).toBe(0);
});

test('without a network it ends with 69, one sentence and a remedy, and puts nothing in place', {
  timeout: WITHIN_MS,
}, async () => {
  mavenDoes('echo no route to host; exit 1');
  const { exitCode, stderr } = await fetch();
  expect(exitCode).toBe(69);
  expect(stderr).toMatch(/^engines: Maven could not fetch the jars of connect\.\n {2}Check the network/);
  expect(existsSync(join(root, '.cache/engines'))).toBe(false);
});

test('a jar with another checksum, or an extra jar, is refused', { timeout: WITHIN_MS }, async () => {
  mavenDoes(`mkdir -p "$out"; printf 'another jar' >"$out/$jar"`);
  const changed = await fetch();
  mavenDoes(`mkdir -p "$out"; printf '${JAR}' >"$out/$jar"; printf '${JAR}' >"$out/more.jar"`);
  const more = await fetch();
  for (const { exitCode, stderr } of [changed, more]) {
    expect(exitCode).toBe(69);
    expect(stderr).toContain('are not those of harness/setup/engines-jars.sha256');
  }
  expect(existsSync(join(root, '.cache/engines'))).toBe(false);
});
