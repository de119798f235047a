import { stranger } from './stranger.ts';

export default stranger(['--no-such-option'], { verdict: 'PASS', because: 'it should' });
