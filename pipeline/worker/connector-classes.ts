import { createPostgresSource } from '../capture/connector.ts';
import type { ConnectorPlugin } from '../contract/connector.ts';
import { createEventEncoder } from '../envelope/encoder.ts';
import { createPgOutputDecoder } from '../pgoutput/decode.ts';
import { createFastReader } from '../pgoutput/fast-path.ts';
import { createJdbcSink } from '../sink/connector.ts';

/** The connector classes that a worker hosts. Only here are the pipeline's stages put together. */
export function createConnectorClasses(): readonly ConnectorPlugin[] {
  return [
    createPostgresSource({
      decode: createPgOutputDecoder(),
      decodeBytes: createPgOutputDecoder('latin1'),
      readFast: createFastReader(),
      createEncoder: createEventEncoder,
    }),
    createJdbcSink(),
  ];
}
