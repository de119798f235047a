/** The part of a change event that sums need. Numbers are JavaScript numbers. */
export interface EventBody {
  readonly op?: unknown;
  readonly after?: Readonly<Record<string, unknown>> | null;
}

/** A record's value, parsed. */
export interface OpenedEvent {
  readonly body: EventBody;
  /** Scale of each decimal, by column; empty if the events carry no schema. */
  readonly scales: ReadonlyMap<string, number>;
}

const PAYLOAD = ',"payload":';
const DECIMAL = 'org.apache.kafka.connect.data.Decimal';
const NO_SCALES: ReadonlyMap<string, number> = new Map();

/**
 * Fast path for the values of one topic's records. The schema that Connect's JSON puts before each payload is most of
 * the bytes, and nearly always equal to the previous one, so it is parsed once. Falls back to parsing the whole value.
 */
export class FastEventReader {
  /** The bytes up to the payload of the last record that was parsed whole, and the scales in them. */
  #schema: { readonly bytes: Buffer; readonly scales: ReadonlyMap<string, number> } | null = null;

  /** Undefined if the value is not a change event. */
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
    // Without the object's closing brace. If anything follows the payload, this is not JSON and the parser throws.
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
    // Only a producer that writes compact JSON gets the fast path.
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
