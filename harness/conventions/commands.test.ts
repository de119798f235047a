import { describe, expect, test } from 'vitest';
import { type Command, commandsOf, missingLines, shapeOf } from './commands.ts';
import { pages } from './pages.ts';
import { argumentsOf, wrongWith } from './testing/check-command.ts';

const wordsOf = (text: string) => commandsOf({ path: 'X.md', text }).map(({ words }) => words.join(' '));

describe('the commands of a page', () => {
  test('are the lines of its blocks and the code in its text, without prompts, comments and variables', () => {
    const text = [
      'Type `make trigger-lag`, or `cdc-lab`, or `bin/cdc-lab run --all`.',
      '```sh',
      'make up  # start it',
      'A=1 bin/cdc-lab sql sink "SELECT 1 # 2" | head && npm run bench -- x',
      '```',
      '```ts',
      'make nothing',
      '```',
    ].join('\n');
    expect(wordsOf(text)).toEqual([
      'make up',
      'cdc-lab sql sink SELECT 1 # 2',
      'npm run bench -- x',
      'make trigger-lag',
      'cdc-lab run --all',
    ]);
  });

  test('are, in a block with prompts, only the lines that have one', () => {
    expect(wordsOf('```\n$ make status\nmake is printed here\n```')).toEqual(['make status']);
  });
});

test.each([
  ['make stauts', 'the Makefile has no stauts'],
  ['make up AGRS=1', 'the Makefile has no AGRS=1'],
  ['npm run benhc', 'package.json has no script benhc'],
  ['npm run bench -- no-such-bench', 'there is no bench no-such-bench'],
  ['sh harness/setup/gone.sh', 'harness/setup/gone.sh does not exist'],
  ['vitest run --project units', 'Vitest has no project units'],
  ['cdc-lab stauts', "unknown command 'stauts'"],
  ['cdc-lab run lag --varient naive', "unknown option '--varient'"],
  ['cdc-lab run lag --variant navie', 'Allowed choices are sound, naive'],
  ['cdc-lab run lga', 'run knows no lga'],
  ['cdc-lab config chekc', 'config knows no chekc'],
  ['cdc-lab connectors retsart sink', 'connectors knows no retsart'],
  ['cdc-lab slot dorp', 'slot knows no dorp'],
  ['cdc-lab trigger', "missing required argument 'lesson'"],
])('%s is found to be wrong', (line, why) => {
  const [command] = commandsOf({ path: 'X.md', text: `\`\`\`\n${line}\n\`\`\`` });
  expect(wrongWith(command ?? { words: [], isNamed: false })).toContain(why);
});

test('every command that a page names exists, with its options, files and scenarios', () => {
  const commands = pages().flatMap(commandsOf);
  expect(commands.length).toBeGreaterThan(120);
  const programs = Map.groupBy(commands, ({ words }) => words[0]);
  expect([...programs.keys()].toSorted()).toEqual(['cdc-lab', 'make', 'npm', 'npx', 'sh', 'vitest']);
  // Each is parsed once, however many pages name it.
  const judged = new Map<string, string | undefined>();
  const whyOf = (command: Command): string | undefined => {
    const key = JSON.stringify([command.words, command.isNamed]);
    if (!judged.has(key)) judged.set(key, wrongWith(command));
    return judged.get(key);
  };
  const wrong = commands.flatMap((command) => {
    const why = whyOf(command);
    return why === undefined ? [] : [`${command.at}: ${command.words.join(' ')}: ${why}`];
  });
  expect(wrong).toEqual([]);
});

describe('printed output', () => {
  test('is compared without its numbers, positions and times', () => {
    expect(shapeOf('PASS · coverage 100 % · fence 0/1ED8290 · at 16:22:30')).toBe(
      'PASS · coverage N % · fence LSN · at N',
    );
  });

  test('lacks a line that is not there, or not there in this order; `…` leaves lines out', () => {
    const real = 'one 1\nskipped\ntwo  22 things\nthree';
    expect(missingLines('one 7\n…\ntwo 3 th…\nthree', real)).toEqual([]);
    expect(missingLines('two 3 things\none 1', real)).toEqual(['one 1']);
    expect(missingLines('four', real)).toEqual(['four']);
  });

  test('of a target of the Makefile is that of the command that it runs', () => {
    expect(argumentsOf('trigger-duplicate')).toEqual(['trigger', 'duplicate-resnapshot']);
    expect(() => argumentsOf('test')).toThrow('no command of cdc-lab');
  });
});
