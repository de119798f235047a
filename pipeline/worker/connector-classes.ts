import { createPostgresSource } from '../capture/connector.ts';
import type { ConnectorPlugin } from '../contract/connector.ts';
import { createEventEncoder } from '../envelope/encoder.ts';
import { decodePgOutput } from '../pgoutput/decode.ts';
import { readFastChange } from '../pgoutput/raw.ts';
import { createJdbcSink } from '../sink/connector.ts';

/** The connector classes that a worker hosts. Only here are the pipeline's stages put together. */
export function createConnectorClasses(): readonly ConnectorPlugin[] {
  return [
    createPostgresSource({
      decode: decodePgOutput,
      readRaw: readFastChange,
      createEncoder: createEventEncoder,
    }),
    createJdbcSink(),
  ];
}
