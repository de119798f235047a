import { readFileSync } from 'node:fs';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';

/** Reads a PEM file of certificates or a key. @throws LabError CDC-4021 if it cannot be read, or is not a PEM file. */
export function pemFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LabError('CDC-4021', `The certificate or key ${path} cannot be read: ${messageOf(cause)}.`, {
      remedy: 'Correct its path in the configuration.',
      cause,
    });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new LabError('CDC-4021', `${path} is not a PEM file.`, {
    remedy:
      'Name a file that begins with -----BEGIN …; openssl converts other formats (`openssl pkcs12`, `openssl x509`).',
  });
}
