import { expect, test } from 'vitest';
import { restoredNodes } from '#control/restored';
import type { Node, NodeDescription } from '#model/object/node';
import { newMeta } from '#store/action';

const now = 1_000_000;
const description = { Hostname: 'here' } as NodeDescription;
const place = { nodeId: 'm2', address: '10.0.0.9', managerAddress: '10.0.0.9:2377', description };

function node(id: string, role: 'manager' | 'worker', state: Node['Status']['State'] = 'ready'): Node {
  const Shoal: Node['Shoal'] = { Role: role, Gateways: { net: `10.1.0.${id.length}` }, ...(role === 'manager' && { ManagerAddr: `${id}:2377` }) };
  return { ...newMeta(id), Spec: { Labels: { of: id }, Role: role, Availability: 'active' }, Status: { State: state, Addr: '10.0.0.1' }, Shoal };
}

const before = [node('m1', 'manager'), node('m2', 'manager', 'down'), node('w1', 'worker'), node('w2', 'worker', 'down')];

test('the node that is here again is the only manager, at its new address, with all that it had', () => {
  const [m1, m2] = restoredNodes(before, place, now);
  expect(m2).toMatchObject({
    Spec: { Role: 'manager', Labels: { of: 'm2' } },
    Status: { State: 'ready', Addr: '10.0.0.9' },
    Description: description,
    Shoal: { Role: 'manager', ManagerAddr: '10.0.0.9:2377', Gateways: { net: '10.1.0.2' } },
  });
  expect(m1).toMatchObject({ Spec: { Role: 'worker' }, Shoal: { Role: 'worker', Leaving: true } });
  expect(m1?.Shoal?.ManagerAddr).toBeUndefined();
});

test('those that were there are waited for; who was down then is down', () => {
  const [m1, , w1, w2] = restoredNodes(before, place, now);
  for (const each of [m1, w1]) expect(each).toMatchObject({ Status: { State: 'disconnected' }, Shoal: { AwayUntil: now + 60_000 } });
  expect(w1?.Shoal?.Leaving).toBeUndefined();
  expect(w2?.Status).toEqual({ State: 'down', Addr: '10.0.0.1' });
  expect(w2?.Shoal?.AwayUntil).toBeUndefined();
});

test('on a new machine the manager is a new node, behind the others', () => {
  const nodes = restoredNodes(before, { ...place, nodeId: 'new' }, now);
  expect(nodes.map(({ ID, Spec }) => [ID, Spec.Role])).toEqual([
    ['m1', 'worker'],
    ['m2', 'worker'],
    ['w1', 'worker'],
    ['w2', 'worker'],
    ['new', 'manager'],
  ]);
});
