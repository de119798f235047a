import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import * as table from './option-table.ts';
import { RUN, type RunFlags } from './option-table.ts';
import {
  commandLine,
  declareFlags,
  type Flag,
  type Flags,
  text,
  type ValuesOf,
  valuesOf,
} from './parse-options.ts';

/** The values that a command line has, as `cdc-lab run` would get them. */
function parsed<F extends Flags>(flags: F, argv: readonly string[]): ValuesOf<F> {
  const command = new Command('run').argument('[scenarios...]').exitOverride();
  declareFlags(command, flags);
  command.parse([...argv], { from: 'user' });
  return valuesOf(command, flags);
}

/** The words of a command line, as a shell that knows single quotes splits it. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|\\(')/g, (_, quoted: string | undefined, escaped: string | undefined) =>
      String(quoted ?? escaped),
    ),
  );
}

/** A value that the option can have, and does not have by itself. */
function unusual({ standard, choices, parse, repeatable }: Flag<unknown>): unknown {
  if (repeatable) return ["somebody's own file", 'another'];
  if (typeof standard === 'boolean') return !standard;
  const other = choices?.find((one) => one !== standard);
  if (other !== undefined) return other;
  return parse === undefined ? "somebody's own file" : 3;
}

const changing = Object.entries<Flag<unknown>>(RUN).filter(([, { reportsOnly }]) => !reportsOnly);
const reporting = Object.entries<Flag<unknown>>(RUN).filter(([, { reportsOnly }]) => reportsOnly);

describe('the line that reproduces a run', () => {
  it.each(changing)('has --%s, and parses to the same options', (key, flag) => {
    const values = { ...parsed(RUN, []), [key]: unusual(flag) } as RunFlags;
    const line = commandLine('cdc-lab run', ['lag'], RUN, values, ['seed']);
    expect(values[key as keyof RunFlags]).not.toEqual(flag.standard);
    expect(parsed(RUN, words(line).slice(2))).toEqual(values);
  });

  it('says the seed, which is the same every time unless it is chosen', () => {
    expect(commandLine('cdc-lab run', ['lag'], RUN, parsed(RUN, []), ['seed'])).toBe(
      'cdc-lab run lag --seed 42',
    );
  });

  it.each(reporting)('leaves out --%s, which changes no verdict', (key, flag) => {
    const values = { ...parsed(RUN, []), [key]: unusual(flag) } as RunFlags;
    expect(commandLine('cdc-lab run', ['lag'], RUN, values)).toBe('cdc-lab run lag');
  });

  it('has all of them at once, in the order of the table', () => {
    const argv = ['--variant', 'naive', '--brokers', '3', '--rows', '5', '--no-op', '--seed', '7'];
    const line = commandLine('cdc-lab run', ['lag', 'restart'], RUN, parsed(RUN, argv));
    expect(line).toBe('cdc-lab run lag restart --variant naive --brokers 3 --rows 5 --no-op --seed 7');
  });
});

describe('a table of options', () => {
  it('cannot list an option under another name than its own', () => {
    const wrong = { row: text('--rows <n>', 'rows') };
    expect(() => declareFlags(new Command(), wrong)).toThrow('commander calls it rows');
  });

  it('refuses a text that is no value of the option', () => {
    const quiet = (argv: string[]) => () => {
      const command = new Command('run').exitOverride().configureOutput({ writeErr: () => undefined });
      declareFlags(command, RUN);
      command.parse(argv, { from: 'user' });
    };
    expect(quiet(['--brokers', '2'])).toThrow('Allowed choices are 1, 3.');
    expect(quiet(['--rows', '1.5'])).toThrow('a row count is a whole number from 1 to 10,000,000.');
    expect(quiet(['--seconds', '-1'])).toThrow('a time is a number from 0 to 86,400.');
    expect(quiet(['--pipeline', 'x', '--swap'])).toThrow("cannot be used with option '--swap'");
  });
});

describe('an option that takes a number', () => {
  const tables = Object.entries(table).filter(([, flags]) => typeof flags === 'object');
  const numeric = tables.flatMap(([command, flags]) =>
    Object.values<Flag<unknown>>(flags as Flags)
      .filter(({ parse, choices }) => parse !== undefined && choices === undefined)
      .map((flag) => [command, flag.usage, flag] as const),
  );

  it.each(numeric)(
    '%s %s refuses what is no number, or out of its range, and says the range',
    (_, __, flag) => {
      for (const given of ['', ' ', 'NaN', 'Infinity', '-1', '1e400', '0x10', 'ten', '5 ', '1,5', '--'])
        expect(() => flag.parse?.(given), given).toThrow(
          / is a (whole )?number from [\d.]+ (on|to [\d,]+)\.$/,
        );
    },
  );

  it.each(numeric)(
    '%s %s has an upper bound that a timer, a process or an integer can take',
    (_, __, flag) => {
      expect(() => flag.parse?.('1e300')).toThrow('number from');
    },
  );

  it.each(['1e12', '0', '-20', 'NaN', '1.5', ''])('a rate of %j is refused with its range', (given) => {
    expect(() => table.UP.rate.parse?.(given)).toThrow('a rate is a whole number from 1 to 1,000,000.');
  });
});
