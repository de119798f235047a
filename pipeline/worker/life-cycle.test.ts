import { describe, expect, it } from 'vitest';
import { TARGETS, type Target } from './connector-store.ts';
import { nextStep, type Phase, type Step } from './life-cycle.ts';

const calm = (target: Target) => ({ target, restart: false });

describe('the life cycle of a connector', () => {
  it.each<[Phase, Target, Step]>([
    ['idle', 'STARTED', 'start'],
    ['idle', 'PAUSED', 'rest'],
    ['idle', 'STOPPED', 'rest'],
    ['running', 'STARTED', 'rest'],
    ['running', 'PAUSED', 'pause'],
    ['running', 'STOPPED', 'stop'],
    ['paused', 'STARTED', 'resume'],
    ['paused', 'PAUSED', 'rest'],
    ['paused', 'STOPPED', 'stop'],
    ['failed', 'STARTED', 'rest'],
    ['failed', 'PAUSED', 'rest'],
    ['failed', 'STOPPED', 'clear'],
  ])('in phase %s with target %s the next step is %s', (phase, target, step) => {
    expect(nextStep(phase, calm(target))).toBe(step);
  });

  it.each<[Phase, Step]>([
    ['running', 'stop'],
    ['paused', 'stop'],
    ['failed', 'clear'],
  ])('a restart in phase %s begins with %s, whatever the target', (phase, step) => {
    for (const target of TARGETS) expect(nextStep(phase, { target, restart: true })).toBe(step);
  });

  it.each<Phase>(['starting', 'pausing', 'resuming', 'stopping'])(
    'takes no step while %s is in progress',
    (phase) => {
      for (const target of TARGETS) {
        expect(nextStep(phase, { target, restart: true })).toBe('rest');
        expect(nextStep(phase, calm(target))).toBe('rest');
      }
    },
  );
});
