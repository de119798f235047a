import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';

const REFERENCE = /\$\{(env|file):([^}]+)\}/g;
const ONLY_REFERENCE = /^\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$/;

/** A secret in a configuration: a reference to its place, never the secret itself. */
export const secretSchema = z
  .string()
  .regex(
    ONLY_REFERENCE,
    'a configuration must not contain a secret: write ${env:NAME} and set that variable, or ${file:PATH}',
  );

/**
 * Replaces each `${env:NAME}` and `${file:PATH}` of a text by the variable's value or the file's content without its final
 * line break. What is inserted is not searched for further references.
 * @param whose Place in the configuration, which the error names.
 * @throws LabError CDC-4001 if the variable is not set, or the file cannot be read.
 */
export function withSecrets(text: string, whose: string): string {
  return text.replaceAll(REFERENCE, (_, kind: string, name: string) =>
    kind === 'env' ? fromEnvironment(name, whose) : fromFile(name, whose),
  );
}

/**
 * Replaces the reference in a PostgreSQL URL's password, in which `URL` writes braces as `%7B` and `%7D`.
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
      remedy: 'Create the file, readable by you only, or name another.',
      cause,
    });
  }
}
