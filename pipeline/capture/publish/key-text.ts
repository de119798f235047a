/** A key is for a person to find the row by: more than this of it helps nobody. */
const MOST_CHARACTERS = 200;

/** A record's key on one line: the payload of a JSON key, else the bytes in hexadecimal. */
export function keyText(key: Buffer | null): string {
  if (key === null) return '(none)';
  const text = payloadOf(key) ?? `0x${key.toString('hex')}`;
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}

/** Kafka Connect's JsonConverter writes `{"schema": …, "payload": …}`, or the payload alone. */
function payloadOf(key: Buffer): string | undefined {
  try {
    const parsed: unknown = JSON.parse(key.toString('utf8'));
    const isWrapped = typeof parsed === 'object' && parsed !== null && 'payload' in parsed;
    return JSON.stringify(isWrapped ? parsed.payload : parsed);
  } catch {
    return undefined;
  }
}
