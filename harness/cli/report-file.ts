import { accessSync, appendFileSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { UnavailableError, UsageError } from '../errors.ts';

/** More than a report of all scenarios takes. */
const ROOM = 64 * 1024;
const FULL = /^(ENOSPC|EDQUOT|EFBIG|EIO)$/;

/**
 * Makes sure, before anything is started, that a report can be written to a file at the end.
 * @param placeholder What the file holds until then; null: it is appended to, and its content is not touched.
 * @throws UsageError if it cannot be written, UnavailableError if its disk is full.
 */
export function claimReportFile(file: string, placeholder: string | null): void {
  if (!existsSync(path.dirname(path.resolve(file)))) {
    throw new UsageError(`the folder of ${file} does not exist`, 'create it, or name another file');
  }
  const isThere = existsSync(file);
  try {
    if (isThere) accessSync(file, constants.W_OK);
    // A pipe or a terminal has neither content nor room to look at.
    if (isThere && !statSync(file).isFile() && !statSync(file).isDirectory()) return;
    appendFileSync(file, '');
    if (placeholder === null) return;
    writeFileSync(file, ' '.repeat(ROOM));
    writeFileSync(file, placeholder);
  } catch (cause) {
    if (!isThere) rmSync(file, { force: true });
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const said = `${file} cannot be written: ${messageOf(cause)}`;
    if (FULL.test(code)) throw new UnavailableError(said, 'make room there, or name a file elsewhere', cause);
    throw new UsageError(said, 'name another file');
  }
}
