/** What `network doctor` shows. */
import { expect, test } from 'vitest';
import { diagnosisLines } from '#cli/commands/network-doctor';

test('of each node what is wrong with it in one order, with what to do; nodes that are well; what was left out', () => {
  const finding = (level: 'error' | 'warning', check: 'mtu' | 'data path') => ({ level, check, text: `a ${check}`, advice: `do ${check}` });
  const nodes = [
    { nodeId: '1', name: 'one', address: '10.0.0.1', mtu: 1500, findings: [] },
    { nodeId: '2', name: 'two', address: '10.0.0.2', mtu: 9000, findings: [finding('warning', 'mtu'), finding('error', 'data path')] },
  ];
  expect(diagnosisLines({ nodes, ways: 2, leftOut: 1 })).toEqual([
    'one (10.0.0.1, MTU 1500): well',
    'two (10.0.0.2, MTU 9000):',
    '  error: data path: a data path',
    '    do data path',
    '  warning: mtu: a mtu',
    '    do mtu',
    '2 nodes, 2 ways between them: 1 error, 1 warning',
    '1 node left out, these are too many for one look: name one to have it looked at',
  ]);
  expect(diagnosisLines({ nodes: nodes.slice(0, 1), ways: 0, leftOut: 0 })).toEqual([
    'one (10.0.0.1, MTU 1500): well',
    '1 node, 0 ways between them: nothing is wrong',
  ]);
});

test('without a leader it is said who was looked at, by what, and why no others', () => {
  const nodes = [{ nodeId: '1', name: 'one', findings: [] }];
  expect(diagnosisLines({ nodes, ways: 0, leftOut: 2, alone: true, why: 'two and three are missing' })).toEqual([
    'no manager leads (two and three are missing): this node was looked at by what it knows; 2 other nodes cannot be asked until one of them leads: look on each manager',
    'one: well',
    'nothing is wrong',
  ]);
});
