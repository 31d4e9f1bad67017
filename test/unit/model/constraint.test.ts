import { describe, expect, test } from 'vitest';
import { nodeMatches, parseConstraints } from '#model/constraint';
import type { Node } from '#model/object/node';
import { newMeta } from '#store/action';

const node: Node = {
  ...newMeta('n1id'),
  Spec: { Role: 'worker', Availability: 'active', Labels: { zone: 'A', Disk: 'ssd' } },
  Status: { State: 'ready', Addr: '192.168.10.7' },
  Description: {
    Hostname: 'host-one',
    Platform: { Architecture: 'x86_64', OS: 'linux' },
    Resources: {},
    Engine: { EngineVersion: '28.0', Labels: { storage: 'fast disk' } },
  },
};

describe('parsing', () => {
  test.each([
    ['node.role==manager', 'node.role', '==', 'manager'],
    ['  node.labels.zone  !=  east ', 'node.labels.zone', '!=', 'east'],
    ['engine.labels.os == ubuntu 14.04', 'engine.labels.os', '==', 'ubuntu 14.04'],
    ['node.ip == 2001:db8::/32', 'node.ip', '==', '2001:db8::/32'],
    ['_x==(a|b)*', '_x', '==', '(a|b)*'],
  ])('%s', (text, key, operator, value) => {
    expect(parseConstraints([text])).toEqual([{ key, operator, value }]);
  });

  test.each([
    ['node.role', 'constraint expected one operator from ==, !='],
    ['node.role=manager', 'constraint expected one operator from ==, !='],
    ['a==b', "key 'a' is invalid"],
    ['1node==b', "key '1node' is invalid"],
    ['==b', "key '' is invalid"],
    ['node.id!=a==b', "key 'node.id!=a' is invalid"],
    ['node.id==', "value '' is invalid"],
    ['node.id == a,b', "value 'a,b' is invalid"],
    ['node.id===b', "value '=b' is invalid"],
    ['node.id==a!=b', "value 'a!=b' is invalid"],
  ])('refuses %s', (text, message) => {
    expect(() => parseConstraints([text])).toThrow(expect.objectContaining({ name: 'Refusal', code: 'unknown', message }));
  });
});

describe('matching', () => {
  test.each([
    ['node.id==n1ID', true],
    ['node.id!=n1id', false],
    ['NODE.HostName == HOST-one', true],
    ['node.hostname==host*', false],
    ['node.role==worker', true],
    ['node.role!=manager', true],
    ['node.platform.os==Linux', true],
    ['node.platform.arch==amd64', false],
    ['node.labels.zone==a', true],
    ['Node.Labels.Disk==ssd', true],
    ['node.labels.disk==ssd', false],
    ['node.labels.missing!=x', true],
    ['node.labels.missing==x', false],
    ['engine.labels.storage==fast disk', true],
    ['engine.labels.gone!=x', true],
    ['node.labels.constructor==x', false],
    ['engine.labels.toString!=x', true],
    ['node.labels.==x', false],
    ['node.rle!=x', false],
    ['node.ip==192.168.10.7', true],
    ['node.ip!=192.168.10.7', false],
    ['node.ip==::ffff:192.168.10.7', true],
    ['node.ip==192.168.0.0/16', true],
    ['node.ip!=192.168.0.0/16', false],
    ['node.ip==192.168.10.0/29', true],
    ['node.ip==192.168.10.8/29', false],
    ['node.ip==2001:db8::/32', false],
    ['node.ip!=2001:db8::/32', true],
    ['node.ip!=nonsense', false],
    ['node.ip!=192.168.0.0/33', false],
  ])('%s is %s', (text, expected) => {
    expect(nodeMatches(parseConstraints([text]), node, 'worker')).toBe(expected);
  });

  test('all must match', () => {
    expect(nodeMatches(parseConstraints(['node.role==worker', 'node.labels.zone==b']), node, 'worker')).toBe(false);
    expect(nodeMatches([], node, 'worker')).toBe(true);
  });

  test('a node without description has empty values', () => {
    const bare: Node = { ...newMeta('n2'), Spec: { Role: 'manager', Availability: 'active' }, Status: { State: 'ready', Addr: '' } };
    expect(nodeMatches(parseConstraints(['node.hostname!=x', 'engine.labels.a!=b', 'node.ip!=10.0.0.1']), bare, 'manager')).toBe(true);
    expect(nodeMatches(parseConstraints(['node.ip==10.0.0.0/8']), bare, 'manager')).toBe(false);
  });
});
