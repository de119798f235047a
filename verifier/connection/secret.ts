import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';

const REFERENCE = /\$\{(env|file):([^}]+)\}/g;
const ONLY_REFERENCE = /^\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$/;

/** A secret in a configuration: where it is, never what it is. */
export const secretSchema = z
  .string()
  .regex(
    ONLY_REFERENCE,
    'a secret stands in no configuration: write ${env:NAME} and set that variable, or ${file:PATH}',
  );

/**
 * The text with its `${env:NAME}` and `${file:PATH}` replaced by what they refer to; of a file, without the line's end.
 * @param whose Names the configuration's place, for the error.
 * @throws LabError CDC-4001 where the variable is not set, or the file cannot be read.
 */
export function withSecrets(text: string, whose: string): string {
  return text.replaceAll(REFERENCE, (_, kind: string, name: string) =>
    kind === 'env' ? fromEnvironment(name, whose) : fromFile(name, whose),
  );
}

/**
 * A PostgreSQL URL with what its password refers to. `URL` writes the braces of a reference as `%7B` and `%7D`.
 * @throws LabError CDC-4001, as {@link withSecrets}.
 */
export function urlWithSecrets(text: string, whose: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  const written = decodeURIComponent(url.password);
  if (!ONLY_REFERENCE.test(written)) return text;
  url.password = encodeURIComponent(withSecrets(written, whose));
  return url.href;
}

function fromEnvironment(name: string, whose: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw new LabError('CDC-4001', `${whose} needs the environment variable ${name}, which is not set.`, {
    remedy: `Set ${name} and try again.`,
  });
}

function fromFile(path: string, whose: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new LabError('CDC-4001', `${whose} needs the file ${path}: ${messageOf(cause)}.`, {
      remedy: 'Make the file, readable by you alone, or name another.',
      cause,
    });
  }
}
