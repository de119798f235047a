// Does the service in this container answer? Workers and verifier have `/health`; what it says is for the verifier
// and `cdc-lab status` to judge, so any answer will do.
const port = process.env.CDC_LAB_PORT ?? '8083';
const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(3000) });
await response.body?.cancel();
