import type { ConnectorPlugin } from '../contract/connector.ts';

/** The connector classes that a worker hosts. The only place where the pipeline's stages meet. */
export function createPlugins(): readonly ConnectorPlugin[] {
  return [];
}
