import { type Command, Option } from 'commander';
import type { ExternalTarget } from '../lab/external/control.ts';

/** Of a command that also works on a pipeline that somebody else runs. */
export function withExternalOptions(command: Command): Command {
  const has = (name: string): boolean => command.options.some((option) => option.attributeName() === name);
  if (!has('runtime')) {
    command.addOption(
      new Option('--runtime <name>', 'external: a pipeline that you run yourself').choices(['external']),
    );
  }
  return command
    .option(
      '--config <file>',
      'what that pipeline is (default: cdc-lab.config.ts or .json); docs/external.md',
    )
    .option('--i-own-this-target <database>', 'it may be broken on purpose, though it is not marked')
    .option('--print-config', 'print the effective configuration, secrets masked, and end');
}

/** What the options say of a pipeline that somebody else runs; null where they speak of none. */
export function externalTargetOf(options: Record<string, unknown>): ExternalTarget | null {
  const { runtime, config, iOwnThisTarget, printConfig } = options;
  const named = [config, iOwnThisTarget, printConfig].some((value) => value !== undefined);
  if (runtime !== 'external' && !named) return null;
  return {
    config: typeof config === 'string' ? config : null,
    own: typeof iOwnThisTarget === 'string' ? iOwnThisTarget : null,
  };
}
