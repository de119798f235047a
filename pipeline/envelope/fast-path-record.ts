import { POSITION_HEADER, type Position } from '../contract/position.ts';
import type { FastRecord } from '../contract/records.ts';
import type { SharedBuffer } from './shared-buffers.ts';

const RELEASED = Buffer.alloc(0);

/** A lazy view into a buffer that many records share: key, value and headers are made at each access. */
export class SharedBufferRecord implements FastRecord {
  readonly topic: string;
  readonly position: Position;
  readonly otherHeaders: FastRecord['otherHeaders'];
  /** Empty after the release: what is read too late must not be another record. */
  bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueEnd: number;
  readonly hasKey: boolean;
  readonly #shared: SharedBuffer;

  constructor(
    table: { readonly topic: string; readonly hasKey: boolean },
    position: Position,
    otherHeaders: FastRecord['otherHeaders'],
    shared: SharedBuffer,
    place: { readonly keyStart: number; readonly keyEnd: number; readonly valueEnd: number },
  ) {
    this.topic = table.topic;
    this.position = position;
    this.otherHeaders = otherHeaders;
    this.#shared = shared;
    this.bytes = shared.bytes;
    shared.add(place.valueEnd);
    this.keyStart = place.keyStart;
    this.keyEnd = place.keyEnd;
    this.valueEnd = place.valueEnd;
    this.hasKey = table.hasKey;
  }

  get key(): Buffer | null {
    return this.hasKey ? this.bytes.subarray(this.keyStart, this.keyEnd) : null;
  }

  get value(): Buffer {
    return this.bytes.subarray(this.keyEnd, this.valueEnd);
  }

  get headers(): ReadonlyMap<string, string> {
    return new Map<string, string>([[POSITION_HEADER, this.position], ...this.otherHeaders]);
  }

  release(): void {
    if (this.bytes === RELEASED) return;
    this.bytes = RELEASED;
    this.#shared.release();
  }
}
