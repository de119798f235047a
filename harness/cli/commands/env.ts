import { shellLine } from '../../terminal/shell-word.ts';
import { addressesOf, addressText } from '../addresses.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { EnvFlags } from '../option-table.ts';

/** Prints where the pipeline's parts can be reached; the password of the lab's databases only if it is asked for. */
export async function env(context: CliContext, flags: EnvFlags): Promise<number> {
  const { instance } = await openInstance(context, flags.instance);
  const addresses = addressesOf(instance);
  // The password of somebody else's databases is not the lab's to show.
  const password = instance.reach === undefined ? (process.env.PGPASSWORD ?? null) : null;
  const shown = flags.showPassword ? { password } : {};
  if (context.json) printJson(context, { schemaVersion: 1, instance: instance.name, ...addresses, ...shown });
  else {
    const hidden = password === null ? null : hintOf(context);
    const said = (flags.showPassword ? password : hidden) ?? 'not the lab’s: your configuration names it';
    context.stdout.write(addressText(context, addresses, said));
  }
  return EXIT.ok;
}

/** The command that shows the password. */
export function hintOf({ target }: Pick<CliContext, 'target'>): string {
  return shellLine(['cdc-lab', 'env', ...target, '--show-password']);
}
