import { keyArgument } from '../../../verifier/explain/parse-key.ts';
import type { Example, TableReport } from '../../../verifier/report.ts';
import { shellLine } from '../../terminal/shell-word.ts';

/**
 * The command that explains a row. Null where `explain` could not find it: the key is not the table's whole primary key.
 * @param options Lead to the pipeline: `--dir`, `--instance`, `--config`.
 */
export function explainCommand(
  table: Pick<TableReport, 'table' | 'key'> | undefined,
  key: Example['key'],
  options: readonly string[],
): string | null {
  const names = table?.key ?? [];
  const pairs = names.flatMap((name): [string, string][] => {
    const value = key[name];
    return value === undefined || value === null ? [] : [[name, value]];
  });
  if (table === undefined || pairs.length === 0) return null;
  if (pairs.length !== names.length || pairs.length !== Object.keys(key).length) return null;
  const words = [table.table, keyArgument(pairs)];
  const guard = words.some((word) => word.startsWith('-')) ? ['--'] : [];
  return shellLine(['cdc-lab', 'explain', ...options, ...guard, ...words]);
}
