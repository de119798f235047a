import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { targetOptionsOf } from '../terminal/with-target.ts';
import { hintOf } from './commands/env.ts';
import { declareProgram } from './program.ts';

const streams = { stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
const io = { env: {}, stdoutIsTty: false, stderrIsTty: false, signal: new AbortController().signal };
const program = declareProgram({ ...io, ...streams }, () => undefined);
/** Commands that look at no lab: options would only make the printed line longer. */
const WITHOUT_LAB = ['completion', 'complete-words', 'scenarios', 'verify'];

test.each(program.commands.map((command) => [command.name(), command] as const))(
  'a printed `cdc-lab %s` gets the options that lead to the lab, of those that it takes',
  (name, command) => {
    const taken = ['--dir', '--config', '--runtime', '--instance'].filter((option) =>
      command.options.some(({ long }) => long === option),
    );
    // `up --runtime external` is no command, and `config` needs no folder.
    const expected: Record<string, readonly string[]> = { up: ['--dir'], config: ['--config'] };
    const none = WITHOUT_LAB.includes(name) ? [] : taken;
    expect(targetOptionsOf(name)).toEqual(expected[name] ?? none);
  },
);

test('a command on a kept pipeline prints commands for it, and one on that of `up` names none', async () => {
  const targets: (readonly string[])[] = [];
  for (const words of [[], ['--instance', 'lag-naive-1f'], ['--instance', 'lab']]) {
    const argv = ['node', 'cdc-lab', 'slot', 'list', '--dir', '/no/such/lab', ...words];
    const one = declareProgram(
      { ...io, ...streams },
      () => undefined,
      ({ target }) => targets.push(target),
    );
    await expect(one.parseAsync(argv)).rejects.toThrow('no lab is up');
  }
  const dir = ['--dir', '/no/such/lab'];
  expect(targets).toEqual([dir, [...dir, '--instance', 'lag-naive-1f'], dir]);
});

test('the hint for the password leads to the same pipeline', () => {
  const target = ['--dir', 'my lab', '--instance', 'lag-naive-1f'];
  expect(hintOf({ target })).toBe("cdc-lab env --dir 'my lab' --instance lag-naive-1f --show-password");
});
