import { describe, expect, it } from 'vitest';
import { nextStep, type Phase, type Step } from './life-cycle.ts';
import { TARGETS, type Target } from './store.ts';

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
  ])('from %s, where %s is wished, is to %s', (phase, target, step) => {
    expect(nextStep(phase, calm(target))).toBe(step);
  });

  it.each<[Phase, Step]>([
    ['running', 'stop'],
    ['paused', 'stop'],
    ['failed', 'clear'],
  ])('restarts from %s by way of %s, whatever the target', (phase, step) => {
    for (const target of TARGETS) expect(nextStep(phase, { target, restart: true })).toBe(step);
  });

  it.each<Phase>(['starting', 'pausing', 'resuming', 'stopping'])('leaves %s to who is at it', (phase) => {
    for (const target of TARGETS) {
      expect(nextStep(phase, { target, restart: true })).toBe('rest');
      expect(nextStep(phase, calm(target))).toBe('rest');
    }
  });
});
