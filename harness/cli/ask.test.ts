import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { askAt } from './ask.ts';
import { exitCodeOf } from './exit-code.ts';

/** The answer to a question when these keys are typed. */
function typed(keys: string, signal = new AbortController().signal): Promise<string> {
  const [input, output] = [new PassThrough(), new PassThrough().resume()];
  const answer = askAt({ input, output, terminal: true }, 'Go on? ', signal);
  input.write(keys);
  return answer;
}

it('resolves with the line', async () => {
  expect(await typed('yes\r')).toBe('yes');
});

it.each([
  ['Ctrl-C', '\x03'],
  ['Ctrl-C', 'ye\x03'],
  ['Ctrl-D', '\x04'],
])('%s in %j ends the command with 130', async (name, keys) => {
  const error: unknown = await typed(keys).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ message: `interrupted by ${name}` });
  expect(exitCodeOf(error)).toBe(130);
});
