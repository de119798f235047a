import type Docker from 'dockerode';

/**
 * Header of a frame: stream (1 or 2), three zeros, length of the payload. Containers without a terminal have them.
 */
const HEADER_BYTES = 8;

/** The last lines that a container wrote, of both streams, in the order in which the engine got them. */
export async function readLog(container: Docker.Container, lines: number): Promise<string> {
  const raw = await container.logs({ stdout: true, stderr: true, follow: false, tail: lines });
  return unframe(raw);
}

/** The text of a log as the engine sends it: a sequence of frames of both streams. */
export function unframe(raw: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= raw.length; ) {
    const end = at + HEADER_BYTES + raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(parts).toString('utf8');
}
