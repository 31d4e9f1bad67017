/** The task's state machine, one move at a time. */
import { describe, expect, test } from 'vitest';
import type { ContainerSpec } from '#model/object/service-spec';
import type { TaskStatus } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import type { Attempt } from '#task/attempt';
import { decideTask, removalSteps, type Decision } from '#task/decide';
import type { NetworkState, NodeFacts } from '#task/prepare';
import type { ObservedContainer } from '#task/step';
import { makeContainer, makeNetwork, makeSecret, makeTask } from '#test/support/worker';

const now = Date.parse('2026-01-01T00:01:00.000Z');
const node = { ID: 'node1', Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' } };

interface Case {
  state: TaskState;
  desired?: TaskState;
  container?: Partial<ObservedContainer>;
  spec?: ContainerSpec;
  attempt?: Partial<Attempt>;
  status?: Partial<TaskStatus>;
  facts?: Partial<NodeFacts>;
  networks?: boolean;
}

function decide({ state, desired = 'running', container, spec = {}, attempt = {}, status = {}, facts = {}, networks = false }: Case): Decision {
  const attachments = [{ Network: makeNetwork('net1', 'web_default', '10.0.1.0/24'), Addresses: ['10.0.1.5/24'] }];
  const task = makeTask('t1', spec, { DesiredState: desired, ...(networks && { NetworksAttachments: attachments }) });
  return decideTask({
    task,
    attempt: { status: { Timestamp: '', State: state, Message: 'before', ...status }, ...attempt },
    container: container && makeContainer('t1', container),
    facts: { node, secrets: new Map(), configs: new Map(), networks: new Map(), ...facts },
    now,
  });
}

const brief = ({ status, steps }: Decision) => [status?.State, status?.Message, status?.Err, steps.map((step) => step.type).join(' ')];

describe('a task on its way up', () => {
  test.each<[string, Case, unknown[]]>([
    ['assigned', { state: 'assigned' }, ['accepted', 'accepted', undefined, '']],
    ['accepted', { state: 'accepted' }, ['preparing', 'preparing', undefined, '']],
    ['preparing', { state: 'preparing' }, [undefined, undefined, undefined, 'pull createContainer']],
    ['prepared', { state: 'preparing', container: { state: 'created' } }, ['ready', 'prepared', undefined, '']],
    ['ready and not wanted to run yet', { state: 'ready', desired: 'ready', container: { state: 'created' } }, [undefined, undefined, undefined, '']],
    ['ready', { state: 'ready', container: { state: 'created' } }, ['starting', 'starting', undefined, '']],
    ['ready, container pruned by hand', { state: 'ready', desired: 'ready' }, [undefined, undefined, undefined, 'pull createContainer']],
    ['starting', { state: 'starting', container: { state: 'created' } }, [undefined, undefined, undefined, 'startContainer']],
    ['started', { state: 'starting', container: {} }, ['running', 'started', undefined, '']],
    ['health unknown', { state: 'starting', container: { health: 'starting' } }, [undefined, undefined, undefined, '']],
    ['healthy', { state: 'starting', container: { health: 'healthy' } }, ['running', 'started', undefined, '']],
    ['running', { state: 'running', container: {} }, [undefined, undefined, undefined, '']],
    ['a job task running', { state: 'ready', desired: 'complete', container: { state: 'created' } }, ['starting', 'starting', undefined, '']],
  ])('%s', (_name, given, expected) => {
    expect(brief(decide(given))).toEqual(expected);
  });

  test('the container is told from starting on', () => {
    expect(decide({ state: 'starting', container: { ports: [{ PublishedPort: 80 }] } }).status).toMatchObject({
      ContainerStatus: { ContainerID: 'c-t1', PID: 7, ExitCode: 0 },
      PortStatus: { Ports: [{ PublishedPort: 80 }] },
    });
  });
});

describe('a task that ends', () => {
  test.each<[string, Case, unknown[]]>([
    ['exit 0', { state: 'running', container: { state: 'exited', exitCode: 0 } }, ['complete', 'finished', undefined, '']],
    ['exit 3', { state: 'running', container: { state: 'exited', exitCode: 3 } }, ['failed', 'before', 'task: non-zero exit (3)', '']],
    [
      'exit before it was seen running',
      { state: 'starting', container: { state: 'exited', exitCode: 1 } },
      ['failed', 'before', 'task: non-zero exit (1)', ''],
    ],
    [
      'out of memory',
      { state: 'running', container: { state: 'exited', exitCode: 137, oomKilled: true } },
      ['failed', 'before', 'task: non-zero exit (137): out of memory', ''],
    ],
    ['unhealthy', { state: 'running', container: { health: 'unhealthy' } }, [undefined, undefined, undefined, 'stopContainer']],
    ['never healthy', { state: 'starting', container: { health: 'unhealthy' } }, [undefined, undefined, undefined, 'stopContainer']],
    [
      'stopped as unhealthy',
      { state: 'running', container: { state: 'exited', exitCode: 143 }, attempt: { unhealthy: true } },
      ['failed', 'before', 'dockerexec: unhealthy container', ''],
    ],
    [
      'stopped as unhealthy by a check that said why',
      { state: 'running', container: { state: 'exited', exitCode: 143, healthLog: 'curl: (7) Failed\n to connect\n' }, attempt: { unhealthy: true } },
      ['failed', 'before', 'dockerexec: unhealthy container: curl: (7) Failed to connect', ''],
    ],
    ['removed by hand', { state: 'running', status: { ContainerStatus: { ContainerID: 'abc' } } }, ['failed', 'before', 'No such container: abc', '']],
    ['told to stop', { state: 'running', desired: 'shutdown', container: {} }, [undefined, undefined, undefined, 'stopContainer']],
    ['stopped', { state: 'running', desired: 'shutdown', container: { state: 'exited', exitCode: 143 } }, ['shutdown', 'shutdown', undefined, '']],
    ['told to stop before it began', { state: 'preparing', desired: 'remove' }, ['shutdown', 'shutdown', undefined, '']],
    ['ended already', { state: 'failed', desired: 'shutdown', container: { state: 'exited' } }, [undefined, undefined, undefined, '']],
    ['given up by the managers and still running', { state: 'orphaned', container: {} }, [undefined, undefined, undefined, 'stopContainer unmountFiles']],
  ])('%s', (_name, given, expected) => {
    expect(brief(decide(given))).toEqual(expected);
  });

  test('the ports that it had are told no more', () => {
    const status = { PortStatus: { Ports: [{ PublishedPort: 80 }] } };
    for (const exitCode of [0, 3]) {
      expect(decide({ state: 'running', status, container: { state: 'exited', exitCode } }).status).not.toHaveProperty('PortStatus');
    }
    expect(decide({ state: 'running', status }).status).not.toHaveProperty('PortStatus');
  });

  test('the unhealthy verdict is to be remembered, and one that was unhealthy at its end has failed, whoever remembers', () => {
    expect(decide({ state: 'running', container: { health: 'unhealthy' } }).unhealthy).toBe(true);
    expect(brief(decide({ state: 'running', container: { state: 'exited', exitCode: 0, health: 'unhealthy' } }))[0]).toBe('failed');
    expect(brief(decide({ state: 'running', container: { state: 'exited', exitCode: 0 } }))[0]).toBe('complete');
    const chatty = { state: 'exited', exitCode: 1, healthLog: 'x'.repeat(4096) } as const;
    expect(decide({ state: 'running', container: chatty, attempt: { unhealthy: true } }).status?.Err?.length).toBeLessThan(250);
  });

  test("the stop has the spec's grace", () => {
    const { steps } = decide({ state: 'running', desired: 'shutdown', container: {}, spec: { StopGracePeriod: 3e9 } });
    expect(steps).toMatchObject([{ graceMs: 3000 }]);
    expect(decide({ state: 'running', desired: 'shutdown', container: {} }).steps).toMatchObject([{ graceMs: 10_000 }]);
  });
});

describe('errors', () => {
  const temporary = { message: 'connect ENOENT', permanent: false, retryAt: now + 1000 };
  const permanent = { message: 'No such image: test:1', permanent: true, retryAt: now + 1000 };

  test('a temporary one is shown and tried again later', () => {
    const waiting = decide({ state: 'preparing', attempt: { failure: temporary } });
    expect(waiting).toMatchObject({ status: { State: 'preparing', Err: 'connect ENOENT' }, steps: [], wakeAt: now + 1000 });
    expect(decide({ state: 'preparing', status: { Err: 'connect ENOENT' }, attempt: { failure: temporary } }).status).toBeUndefined();
    expect(brief(decide({ state: 'preparing', attempt: { failure: { ...temporary, retryAt: now } } }))[3]).toBe('pull createContainer');
    // The clock was set back by an hour since: nobody waits that long.
    expect(brief(decide({ state: 'preparing', attempt: { failure: { ...temporary, retryAt: now + 3_600_000 } } }))[3]).toBe('pull createContainer');
  });

  test('a permanent one rejects before the start and fails after it', () => {
    expect(brief(decide({ state: 'preparing', attempt: { failure: permanent } }))).toEqual(['rejected', 'before', permanent.message, '']);
    const failed = decide({ state: 'starting', container: { state: 'created' }, attempt: { failure: permanent } });
    expect(brief(failed)).toEqual(['failed', 'before', permanent.message, '']);
  });

  test('a stop is tried again whatever the engine said', () => {
    const view: Case = { state: 'running', desired: 'shutdown', container: {}, attempt: { failure: permanent } };
    expect(decide(view)).toMatchObject({ steps: [], wakeAt: now + 1000 });
    expect(brief(decide({ ...view, attempt: { failure: { ...permanent, retryAt: now } } }))[3]).toBe('stopContainer');
  });

  test('the next good status has no error', () => {
    expect(decide({ state: 'preparing', status: { Err: 'old' }, container: { state: 'created' } }).status).not.toHaveProperty('Err');
  });

  test('an unknown template field rejects', () => {
    expect(brief(decide({ state: 'preparing', spec: { Env: ['A={{.Node.Nope}}'] } }))).toEqual([
      'rejected',
      'before',
      'template: :1: executing "" at <.Node.Nope>: can\'t evaluate field Nope',
      '',
    ]);
  });
});

describe('what a task needs', () => {
  const spec: ContainerSpec = { Secrets: [{ SecretID: 's1', SecretName: 'key', File: { Name: 'key', UID: '0', GID: '0', Mode: 0o400 } }] };
  const secrets = new Map([['s1', makeSecret('s1', 'key', 'hush')]]);
  const network = makeNetwork('net1', 'web_default', '10.0.1.0/24');
  const withNetwork = (state: Partial<NetworkState>): Partial<NodeFacts> => ({
    networks: new Map([['net1', { network, gateway: '10.0.1.1', ready: false, ...state }]]),
  });

  test('files are mounted before the container is made, and again before it starts', () => {
    expect(brief(decide({ state: 'preparing', spec, facts: { secrets } }))[3]).toBe('pull mountFiles createContainer');
    expect(brief(decide({ state: 'starting', spec, facts: { secrets }, container: { state: 'created' } }))[3]).toBe('mountFiles startContainer');
  });

  test('files go when the task ends', () => {
    expect(brief(decide({ state: 'running', spec, container: { state: 'exited', exitCode: 1 } }))[3]).toBe('unmountFiles');
  });

  test('a missing secret rejects', () => {
    expect(brief(decide({ state: 'preparing', spec }))).toEqual(['rejected', 'before', 'secret not found: key', 'unmountFiles']);
  });

  test('its networks come first, and its image meanwhile, once', () => {
    expect(brief(decide({ state: 'preparing', networks: true, facts: withNetwork({}) }))).toEqual([undefined, undefined, undefined, 'pull']);
    expect(decide({ state: 'preparing', networks: true, facts: withNetwork({}), attempt: { pulled: true } })).toEqual({ steps: [] });
    expect(decide({ state: 'preparing', networks: true }).status?.Err).toMatch(/net1 has not reached/);
    const made = withNetwork({ made: true });
    expect(brief(decide({ state: 'preparing', networks: true, facts: made }))[3]).toBe('pull createContainer');
    // Its container waits for them where it is: a task that is told to be ready may start.
    expect(decide({ state: 'preparing', networks: true, facts: made, container: { state: 'created' } })).toEqual({ steps: [] });
    expect(decide({ state: 'starting', networks: true, facts: made, container: { state: 'created' } })).toEqual({ steps: [] });
    const ready = decide({ state: 'preparing', networks: true, facts: withNetwork({ ready: true }) });
    expect(ready.steps.at(-1)).toMatchObject({ type: 'createContainer', gateways: ['10.0.1.1'] });
    const ingress = { ...network, Spec: { ...network.Spec, Ingress: true } };
    const silent = decide({ state: 'preparing', networks: true, facts: withNetwork({ ready: true, network: ingress }) });
    expect(silent.steps.at(-1)).toMatchObject({ gateways: [] });
    const broken = { message: 'Pool overlaps', permanent: true, retryAt: now + 9 };
    // An old failure ends no new task: the network is tried again for it.
    const stale = decide({ state: 'preparing', networks: true, facts: withNetwork({ failure: { ...broken, retryAt: now } }) });
    expect(brief(stale).slice(0, 3)).toEqual(['preparing', 'before', 'Pool overlaps']);
    expect(brief(decide({ state: 'preparing', networks: true, facts: withNetwork({ failure: broken }) })).slice(0, 3)).toEqual([
      'rejected',
      'before',
      'Pool overlaps',
    ]);
  });
});

test('a container of no task is stopped, removed and its files with it', () => {
  const task = makeTask('t1', { StopGracePeriod: 2e9 });
  expect(removalSteps(makeContainer('t1'), task).map((step) => step.type)).toEqual(['stopContainer', 'removeContainer', 'unmountFiles']);
  expect(removalSteps(makeContainer('t1'), task)[0]).toMatchObject({ graceMs: 2000 });
  expect(removalSteps(makeContainer('t1'), undefined)[0]).not.toHaveProperty('graceMs');
  expect(removalSteps(makeContainer('t1', { state: 'exited' }), undefined).map((step) => step.type)).toEqual(['removeContainer', 'unmountFiles']);
});
