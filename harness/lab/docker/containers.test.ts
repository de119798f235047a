import type Docker from 'dockerode';
import { expect, test } from 'vitest';
import { type Found, hostPort, probeOf, stateOf } from './containers.ts';

type Details = Docker.ContainerInspectInfo;

function details(state: Partial<Details['State']>, more: object = {}): Details {
  const State = { Status: 'running', Running: true, Paused: false, ExitCode: 0, Pid: 7, ...state };
  return { State, Config: { Labels: { 'cdc-lab.port': '8083' } }, ...more } as unknown as Details;
}

test.each([
  [{}, 'running'],
  [{ Paused: true }, 'paused'],
  [{ Running: false, Status: 'created' }, 'stopped'],
  [{ Running: false, Status: 'exited', ExitCode: 0 }, 'stopped'],
  // Java ends on SIGTERM with 128 + 15.
  [{ Running: false, Status: 'exited', ExitCode: 143 }, 'stopped'],
  [{ Running: false, Status: 'exited', ExitCode: 137 }, 'dead'],
  [{ Running: false, Status: 'exited', ExitCode: 1 }, 'dead'],
])('a container whose state is %j is %s', (state, expected) => {
  expect(stateOf(details(state))).toBe(expected);
});

function published(kind: Found['kind'], asked: string, given: string | null): Found {
  const bindings = (port: string | null) => ({ '8083/tcp': port === null ? null : [{ HostPort: port }] });
  const more = {
    HostConfig: { PortBindings: bindings(asked) },
    NetworkSettings: { Ports: bindings(given) },
  };
  return { service: 'x', kind, container: {} as Docker.Container, details: details({}, more) };
}

test('a port that was asked for is known while the container is down too, a random one only while it runs', () => {
  expect(hostPort(published('worker', '20000', null))).toBe(20_000);
  expect(hostPort(published('worker', '0', '30000'))).toBe(30_000);
  expect(hostPort(published('worker', '', null))).toBeNull();
});

test('each kind is probed by its own protocol, and a service without a port is not probed', () => {
  expect(probeOf(published('postgres', '1', null))).toEqual({ tag: 'postgres', port: 1 });
  expect(probeOf(published('kafka', '1', null))).toEqual({ tag: 'kafka', port: 1 });
  expect(probeOf(published('verifier', '1', null))).toMatchObject({
    tag: 'http',
    path: '/health',
    anyStatus: true,
  });
  expect(probeOf(published('worker', '1', null))).toMatchObject({ tag: 'http', path: '/', anyStatus: false });
  expect(probeOf(published('workload', '', null))).toEqual({ tag: 'none' });
});
