import { LabError } from '../contract/errors.ts';

/** Bytes of a message that an error shows. A row's values must not get into a log. */
const SHOWN_BYTES = 1;

/** The error for a message that violates the protocol. */
export function malformed(problem: string, message: Buffer): LabError {
  const type = message.subarray(0, SHOWN_BYTES).toString('latin1');
  const name = /^[A-Za-z]$/.test(type) ? `'${type}'` : 'without a type';
  return new LabError('CDC-1301', `pgoutput message ${name} of ${message.length} bytes: ${problem}.`, {
    remedy: 'Check that the stream was started with proto_version 1 and without binary and streaming.',
  });
}
