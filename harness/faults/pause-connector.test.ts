import { expect, test } from 'vitest';
import type { FaultContext } from '../plugins/fault.ts';
import pauseConnector from './pause-connector.ts';

const PARAMS = pauseConnector.params.parse(pauseConnector.example);

/** A Connect that answers 202 and does what it was asked for, in turn, one look later. */
function connect(first: { state: string; task?: string; asked?: string[] }) {
  const { state, task = state, asked = [] } = first;
  const now = { state, task };
  const access = {
    connectorStatus: async () => {
      const seen = { ...now };
      const next = asked.shift();
      // A task that has failed stays so.
      if (next !== undefined)
        Object.assign(now, { state: next, task: now.task === 'FAILED' ? 'FAILED' : next });
      return { connector: { state: seen.state }, tasks: [{ state: seen.task }] };
    },
    resumeConnector: async () => void asked.push('RUNNING'),
  };
  const signal = new AbortController().signal;
  return { now, context: { access, signal, withinMs: 2_000 } as unknown as FaultContext };
}

test('what is paused is resumed, and waited for', async () => {
  const { now, context } = connect({ state: 'PAUSED' });
  expect((await pauseConnector.heal(context, PARAMS)).said).toBe('resumed connector sink');
  expect(now).toEqual({ state: 'RUNNING', task: 'RUNNING' });
});

test('a pause that Connect has accepted and not yet done does not outlive the heal', async () => {
  const { now, context } = connect({ state: 'RUNNING', asked: ['PAUSED'] });
  await pauseConnector.heal(context, PARAMS);
  expect(now).toEqual({ state: 'RUNNING', task: 'RUNNING' });
});

test('a task that has failed is not waited for', async () => {
  const { context } = connect({ state: 'RUNNING', task: 'FAILED' });
  expect(await pauseConnector.heal(context, PARAMS)).toMatchObject({
    said: 'resumed connector sink, which said it was RUNNING',
    evidence: { states: ['RUNNING', 'FAILED'] },
  });
});
