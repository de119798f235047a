import { readFileSync } from 'node:fs';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';

/** A file of certificates, or a key. @throws LabError CDC-4021 where it cannot be read, or holds neither. */
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
  throw new LabError('CDC-4021', `${path} is no PEM file.`, {
    remedy:
      'Name one that begins with -----BEGIN …; openssl converts others (`openssl pkcs12`, `openssl x509`).',
  });
}
