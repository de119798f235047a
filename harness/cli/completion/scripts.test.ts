import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test, vi } from 'vitest';
import { PROJECT_DIR } from '../../project.ts';
import { SHELLS, type Shell, scriptOf } from './scripts.ts';

// Each case starts processes, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const LAB = path.join(PROJECT_DIR, 'bin', 'cdc-lab');
const dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-completion-'));
writeFileSync(path.join(dir, 'my file.json'), '{}');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What bash offers at the end of the line, which it has split itself. */
async function inBash(words: readonly string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `
    set -eu
    eval "$(${LAB} completion bash)"
    eval "$(${LAB} completion bash)"
    COMP_WORDS=(${LAB} ${quoted})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    complete -p cdc-lab > /dev/null
    _cdc_lab ${LAB} "\${COMP_WORDS[COMP_CWORD]}" ''
    printf '%s\\n' "\${COMPREPLY[@]-}"`;
  const env = { CDC_LAB_DIR: path.join(dir, 'lab') };
  const { stdout } = await execa('bash', ['--norc', '-c', script], { cwd: dir, env });
  return stdout.split('\n').filter(Boolean);
}

test.each([
  [['stat'], ['status']],
  [['run', 'sche'], ['schema-change']],
  [
    ['verify', '--fence', ''],
    ['slot', 'quiesce', 'none'],
  ],
  [['verify', '--fence', '=', 'q'], ['quiesce']],
  [['verify', '--config', 'my'], ['my file.json']],
  [['logs', ''], []],
  [['run', '$(touch hacked)', '; touch hacked'], []],
])('bash completes %j with %j', async (words, found) => {
  expect(await inBash(words)).toEqual(found);
});

const there = await Promise.all(
  SHELLS.map(async (shell) => {
    const { exitCode } = await execa(shell, ['-c', 'exit 0'], { reject: false });
    return exitCode === 0 ? [shell] : [];
  }),
);

test.each(there.flat())('%s reads its script without a word', async (shell: Shell) => {
  const file = path.join(dir, `completion.${shell}`);
  writeFileSync(file, scriptOf(shell));
  const { exitCode, stderr } = await execa(shell, ['-n', file], { reject: false });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

test.runIf(there.flat().includes('fish'))('fish completes with what each word means', async () => {
  const line = `source (${LAB} completion fish | psub); complete -C '${LAB} stat'`;
  const { stdout } = await execa('fish', ['--no-config', '-c', line], { cwd: dir });
  expect(stdout).toMatch(/^status\tverify now/);
});

test.runIf(there.flat().includes('zsh'))('zsh gets its candidates with what they mean', async () => {
  const script = `
    compdef() { :; }
    eval "$(${LAB} completion zsh)"
    _describe() { print -l -- "\${candidates[@]}"; }
    words=(${LAB} verify --fence ''); CURRENT=4
    _cdc_lab`;
  const { stdout } = await execa('zsh', ['-f', '-c', script], { cwd: dir });
  expect(stdout.split('\n')).toEqual(['slot:', 'quiesce:', 'none:']);
});
