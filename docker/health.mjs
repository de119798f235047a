// Checks that the service in this container answers. Workers and verifier serve `/health`; the verifier and
// `cdc-lab status` judge its content, so any answer will do here.
const port = process.env.CDC_LAB_PORT ?? '8083';
const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(3000) });
await response.body?.cancel();
