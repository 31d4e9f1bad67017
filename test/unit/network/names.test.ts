import { expect, test } from 'vitest';
import { NameTable } from '#network/names';
import { endpointTask, serviceEndpoint } from '../../support/endpoints.ts';

const table = new NameTable(
  [
    serviceEndpoint(
      'web_my_api',
      [],
      [
        endpointTask('t1', 1, true, 'ingress 10.0.3.5', 'front 10.0.1.5 my_api Api', 'back 10.0.2.5 my_api'),
        endpointTask('t2', 2, true, 'front 10.0.1.6 my_api Api', 'back 10.0.2.6 my_api'),
        endpointTask('t3', 3, false, 'front 10.0.1.7 my_api Api', 'back 10.0.2.7 my_api'),
      ],
    ),
    serviceEndpoint('web_db', [], [endpointTask('d1', 1, true, 'back 10.0.2.9 db')]),
    serviceEndpoint('web_off', [], [endpointTask('o1', 1, false, 'front 10.0.1.20 off')]),
    serviceEndpoint('other_api', [], [{ ...endpointTask('x1', 0, true, 'front 10.0.1.30 other'), NodeID: 'n7' }]),
  ],
  ['ingress'],
);

test.each([
  ['web_my_api', ['10.0.1.5', '10.0.1.6']],
  ['my_api', ['10.0.1.5', '10.0.1.6']],
  ['API', ['10.0.1.5', '10.0.1.6']],
  ['tasks.my_api', ['10.0.1.5', '10.0.1.6']],
  ['my_api.web', ['10.0.1.5', '10.0.1.6']],
  ['web_my_api.web', ['10.0.1.5', '10.0.1.6']],
  ['tasks.my_api.web', ['10.0.1.5', '10.0.1.6']],
  ['web_my_api.2.t2', ['10.0.1.6']],
  ['other_api.n7.x1', ['10.0.1.30']],
  ['my_api.other', undefined],
  ['off', []],
  ['db', undefined],
  ['example.org', undefined],
])('%s, asked on one network', (name, expected) => {
  expect(table.lookUp(name, '10.0.1.99', 'front')).toEqual(expected);
});

test('a task sees all its networks, whichever server it asks, and none through ingress', () => {
  expect(table.lookUp('api', '10.0.2.5', 'back')).toEqual(['10.0.1.5', '10.0.1.6']);
  expect(table.lookUp('db', '10.0.3.5', 'ingress')).toEqual(['10.0.2.9']);
  expect(table.lookUp('web_my_api', '10.0.3.77', 'ingress')).toBeUndefined();
  expect(table.lookUp('db', '10.0.1.20', 'front')).toBeUndefined();
});

test('reverse names', () => {
  expect(table.reverseLookUp('9.2.0.10.in-addr.arpa', '10.0.2.5', 'back')).toBe('web_db.1.d1');
  expect(table.reverseLookUp('99.2.0.10.in-addr.arpa', '10.0.2.5', 'back')).toBeUndefined();
});

test('a reverse name is told to those only who are on the network of the address', () => {
  // A task asks by any of its networks; who is no task, by the one that he is on.
  expect(table.reverseLookUp('9.2.0.10.in-addr.arpa', '10.0.2.5', 'front')).toBe('web_db.1.d1');
  expect(table.reverseLookUp('9.2.0.10.in-addr.arpa', '10.0.1.20', 'front')).toBeUndefined();
  expect(table.reverseLookUp('9.2.0.10.in-addr.arpa', '10.0.2.20', 'back')).toBe('web_db.1.d1');
  expect(table.reverseLookUp('5.3.0.10.in-addr.arpa', '10.0.2.5', 'back'), 'nothing is found on the ingress network').toBeUndefined();
});

test('an address given on is known by its living holder', () => {
  const tasks = [endpointTask('new', 1, true, 'front 10.0.1.5'), endpointTask('old', 1, false, 'front 10.0.1.5')];
  expect(new NameTable([serviceEndpoint('s', [], tasks)]).reverseLookUp('5.1.0.10.in-addr.arpa', '10.0.1.9', 'front')).toBe('s.1.new');
});

test('a name of many underscores may be of many stacks, and is looked for in the first of them', () => {
  const name = Array.from({ length: 30 }, () => 'a').join('_');
  const many = new NameTable([serviceEndpoint(name, [], [endpointTask('t1', 1, true, 'front 10.0.1.5 alias')])]);
  const found = (asked: string) => many.lookUp(asked, '10.0.1.99', 'front');
  expect([found(name), found('alias.a_a'), found('alias.a_a_a_a_a_a_a_a')]).toEqual([['10.0.1.5'], ['10.0.1.5'], ['10.0.1.5']]);
  expect(found('alias.a_a_a_a_a_a_a_a_a')).toBeUndefined();
});
