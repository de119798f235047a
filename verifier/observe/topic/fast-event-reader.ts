/** What a change says of its row, as far as sums go: numbers as JSON has them. */
export interface EventBody {
  readonly op?: unknown;
  readonly after?: Readonly<Record<string, unknown>> | null;
}

/** A record's value in its parts. */
export interface OpenedEvent {
  readonly body: EventBody;
  /** Scale of each of Connect's decimals, by column; empty where the events carry no schema. */
  readonly scales: ReadonlyMap<string, number>;
}

const PAYLOAD = ',"payload":';
const DECIMAL = 'org.apache.kafka.connect.data.Decimal';
const NO_SCALES: ReadonlyMap<string, number> = new Map();

/**
 * Reads the values of one topic's records. The schema that Connect's JSON puts before each is most of its bytes, and
 * mostly the same as that before the last one: it is parsed once.
 */
export class FastEventReader {
  /** The bytes up to the payload, as the last record had them, and what they say. */
  #schema: { readonly bytes: Buffer; readonly scales: ReadonlyMap<string, number> } | null = null;

  /** Undefined for what is no change event. */
  open(value: Buffer): OpenedEvent | undefined {
    try {
      return this.#withKnownSchema(value) ?? this.#whole(value);
    } catch {
      return undefined;
    }
  }

  #withKnownSchema(value: Buffer): OpenedEvent | undefined {
    const known = this.#schema;
    if (known === null || value.compare(known.bytes, 0, known.bytes.length, 0, known.bytes.length) !== 0)
      return undefined;
    // The object ends with a brace, and holds nothing behind the payload: else this is no JSON.
    const body = JSON.parse(value.toString('utf8', known.bytes.length, value.length - 1)) as unknown;
    return opened(body, known.scales);
  }

  #whole(value: Buffer): OpenedEvent | undefined {
    const json = JSON.parse(value.toString('utf8')) as { schema?: unknown; payload?: unknown } | null;
    if (typeof json !== 'object' || json === null || !('payload' in json && 'schema' in json))
      return opened(json, NO_SCALES);
    const scales = scalesOf(json.schema);
    const schema = `{"schema":${JSON.stringify(json.schema)}${PAYLOAD}`;
    const bytes = Buffer.from(schema);
    // Only where the producer writes JSON as compactly as this.
    if (value.subarray(0, bytes.length).equals(bytes)) this.#schema = { bytes, scales };
    return opened(json.payload, scales);
  }
}

function opened(body: unknown, scales: ReadonlyMap<string, number>): OpenedEvent | undefined {
  return typeof body === 'object' && body !== null ? { body, scales } : undefined;
}

interface Field {
  readonly field?: unknown;
  readonly name?: unknown;
  readonly fields?: readonly Field[];
  readonly parameters?: { readonly scale?: unknown };
}

function scalesOf(schema: unknown): ReadonlyMap<string, number> {
  const after = (schema as Field | null)?.fields?.find(({ field }) => field === 'after');
  const decimals = (after?.fields ?? []).filter(({ name }) => name === DECIMAL);
  return new Map(decimals.map(({ field, parameters }) => [String(field), Number(parameters?.scale)]));
}
