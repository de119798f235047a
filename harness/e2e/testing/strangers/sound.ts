import { stranger } from './stranger.ts';

export default stranger([], { verdict: 'PASS', because: 'it upserts by key' });
