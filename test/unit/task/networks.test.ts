/** Which networks a node makes and drops. */
import { expect, test } from 'vitest';
import type { NetworkAssignment } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import { decideNetworks, type NetworkView } from '#task/networks';
import type { ObservedContainer } from '#task/step';
import { makeContainer, makeNetwork, makeTask } from '#test/support/worker';

const network = makeNetwork('net1', 'web_default', '10.0.1.0/24');
const assignment: NetworkAssignment = { Network: network, Gateway: '10.0.1.1' };

function taskIn(state: TaskState): Task {
  const task = makeTask('t1', {}, { NetworksAttachments: [{ Network: network, Addresses: ['10.0.1.5/24'] }] });
  return { ...task, Status: { ...task.Status, State: state } };
}

function decide(changes: Partial<NetworkView>, tasks: readonly Task[] = [], containers: readonly ObservedContainer[] = []) {
  return decideNetworks({
    tasks: new Map(tasks.map((task) => [task.ID, task])),
    attempts: new Map(),
    containers: new Map(containers.map((container) => [container.taskId, container])),
    assigned: new Map([['net1', assignment]]),
    states: new Map(),
    present: new Set(),
    now: 1000,
    ...changes,
  });
}

const ready = new Map([['net1', { network, gateway: '10.0.1.1', ready: true }]]);
const present = new Set(['net1']);

test('a task that lives needs its networks, one that ended does not', () => {
  expect(decide({}, [taskIn('assigned')]).create).toEqual([assignment]);
  expect(decide({}, [taskIn('failed')]).create).toEqual([]);
});

test('after a restart of the agent a network is made ready again, once', () => {
  expect(decide({ present }, [taskIn('running')])).toEqual({ create: [assignment], remove: [] });
  expect(decide({ present, states: ready }, [taskIn('running')])).toEqual({ create: [], remove: [] });
});

test('a network in which the node has another address now is made anew', () => {
  const moved = { Network: network, Gateway: '10.0.1.254' };
  expect(decide({ present, states: ready, assigned: new Map([['net1', moved]]) }, [taskIn('assigned')])).toEqual({ create: [moved], remove: [] });
});

test('the last task takes its network along, when its container has ended', () => {
  expect(decide({ present, states: ready }, [taskIn('shutdown')], [makeContainer('t1', { state: 'exited' })]).remove).toEqual(['net1']);
  expect(decide({ present, states: ready }, [taskIn('failed')], [makeContainer('t1')]).remove).toEqual([]);
});

test('containers of unknown tasks go before any network does', () => {
  expect(decide({ present }, [], [makeContainer('stranger', { state: 'exited' })]).remove).toEqual([]);
});

test('after a failure it waits', () => {
  const failure = { message: 'x', permanent: true, retryAt: 2000 };
  const states = new Map([['net1', { network, gateway: '10.0.1.1', ready: false, failure }]]);
  expect(decide({ states }, [taskIn('preparing')])).toEqual({ create: [], remove: [], wakeAt: 2000 });
  expect(decide({ states, now: 2000 }, [taskIn('preparing')]).create).toEqual([assignment]);
});
