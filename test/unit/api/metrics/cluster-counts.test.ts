/** What commits come to in the counters. */
import { expect, test } from 'vitest';
import { countCommit } from '#api/metrics/cluster-counts';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { aService } from '#test/support/cluster-objects';
import { ToldMeter } from '#test/support/told-meter';

const created = '2026-01-01T00:00:00.000Z';

function task(change: Partial<Task>, state: Task['Status']['State'] = 'new', at = created): Task {
  return {
    ID: 't1',
    CreatedAt: created,
    NodeID: '',
    Status: { Timestamp: at, State: state, Message: '' },
    Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 0 },
    ...change,
  } as Task;
}

function told(...events: Parameters<typeof countCommit>[0]): string[] {
  const meter = new ToldMeter();
  countCommit(events, meter);
  return meter.lines;
}

test('a task waits from its creation until it has a node, once', () => {
  const waiting = task({}, 'pending');
  const assigned = task({ NodeID: 'n1' }, 'assigned', '2026-01-01T00:00:01.500Z');
  expect(told({ kind: 'task', id: 't1', object: waiting })).toEqual([]);
  expect(told({ kind: 'task', id: 't1', object: assigned, previous: waiting })).toEqual(['shoal_scheduling_delay_seconds 1.5']);
  expect(told({ kind: 'task', id: 't1', object: task({ NodeID: 'n1' }, 'running'), previous: assigned })).toEqual([]);
  expect(told({ kind: 'task', id: 't1', object: task({ NodeID: 'n1' }, 'assigned') })).toEqual(['shoal_scheduling_delay_seconds 0']);
  // A global one has its node before it was looked at.
  expect(told({ kind: 'task', id: 't1', object: task({ NodeID: 'n1' }, 'new') })).toEqual([]);
});

test('restarts, failures, rollbacks and lost nodes count when they begin', () => {
  const restart = task({ Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 0, Restart: true } });
  expect(told({ kind: 'task', id: 't1', object: restart })).toEqual(['shoal_service_restarts_total web']);
  expect(told({ kind: 'task', id: 't1', object: restart, previous: restart })).toEqual([]);
  const failed = task({ NodeID: 'n1' }, 'failed');
  expect(told({ kind: 'task', id: 't1', object: failed, previous: task({ NodeID: 'n1' }, 'running') })).toEqual(['shoal_service_task_failures_total web']);
  expect(told({ kind: 'task', id: 't1', object: failed, previous: failed })).toEqual([]);
  // Of a service that is gone nothing is counted, nor of a container on an attachable network.
  const running = task({ NodeID: 'n1' }, 'running');
  expect(told({ kind: 'task', id: 't1', object: { ...failed, DesiredState: 'remove' }, previous: running })).toEqual([]);
  const attached = { ...failed, Shoal: { ...failed.Shoal, Attachment: { ContainerID: 'c', Name: 'box' } } };
  expect(told({ kind: 'task', id: 't1', object: attached, previous: { ...running, Shoal: attached.Shoal } })).toEqual([]);
  const service = (State?: string): Service => ({ ...aService('web'), ...(State && { UpdateStatus: { State, Message: '' } }) }) as Service;
  expect(told({ kind: 'service', id: 's1', object: service('rollback_started'), previous: service('updating') })).toEqual([
    'shoal_service_rollbacks_total web',
  ]);
  expect(told({ kind: 'service', id: 's1', object: service('rollback_completed'), previous: service('rollback_started') })).toEqual([]);
  const node = (State: string): Node => ({ ID: 'n1', Status: { State, Addr: '' } }) as unknown as Node;
  expect(told({ kind: 'node', id: 'n1', object: node('down'), previous: node('ready') })).toEqual(['shoal_nodes_lost_total']);
});
