/** What is written of a rule set when little of it changes. */
import { expect, test } from 'vitest';
import { chain, changedLines, elements, filledLines, hooked, type RulePart } from '#network/rules/rule-parts';
import { changeText, ruleSet } from '#network/rules/rule-set';
import type { PublishedPort } from '#network/published-ports';

const hook = hooked('pre', 'nat', 'prerouting', -110, ['ip daddr vmap @vips;']);
const before: RulePart[] = [
  elements('map', 'vips', 'ipv4_addr : verdict', ['10.0.0.2 : goto v_2', '10.0.0.3 : goto v_3']),
  elements('set', 'dead', 'ipv4_addr', ['10.0.0.4']),
  chain('v_2', 'dnat to 10.0.0.12;'),
  chain('v_3', 'ct mark set 1;', 'dnat to 10.0.0.13;'),
  hook,
];

test('a target more is a chain written anew and nothing else', () => {
  const after = before.map((part) => (part.name === 'v_3' ? chain('v_3', 'ct mark set 1;', 'dnat to 10.0.0.99;') : part));
  expect(changedLines('ip t', before, after)).toEqual(['flush chain ip t v_3', 'add rule ip t v_3 ct mark set 1', 'add rule ip t v_3 dnat to 10.0.0.99']);
});

test('what comes is there before it is named, what goes is named no more before it goes', () => {
  const after: RulePart[] = [
    elements('map', 'vips', 'ipv4_addr : verdict', ['10.0.0.2 : goto v_2', '10.0.0.4 : goto v_4']),
    elements('set', 'dead', 'ipv4_addr', ['10.0.0.3']),
    chain('v_2', 'dnat to 10.0.0.12;'),
    chain('v_4', 'dnat to 10.0.0.14;'),
    hook,
  ];
  expect(changedLines('ip t', before, after)).toEqual([
    'add chain ip t v_4',
    'add rule ip t v_4 dnat to 10.0.0.14',
    'delete element ip t vips { 10.0.0.3 }',
    'add element ip t vips { 10.0.0.4 : goto v_4 }',
    'delete element ip t dead { 10.0.0.4 }',
    'add element ip t dead { 10.0.0.3 }',
    'flush chain ip t v_3',
    'delete chain ip t v_3',
  ]);
});

test.each([
  ['a chain that packets meet by themselves', [...before.slice(0, 4), hooked('pre', 'nat', 'prerouting', -110, ['accept;'])]],
  ['a hook that went', before.slice(0, 4)],
  ['a set that came', [...before, elements('set', 'more', 'ipv4_addr', [])]],
  ['ranges', before.map((part) => (part.name === 'dead' ? elements('set', 'dead', 'ipv4_addr; flags interval', ['10.0.0.0/8']) : part))],
])('written whole: %s', (_, after) => expect(changedLines('ip t', before, after)).toBeUndefined());

test('one of two hundred services changes: what is written does not grow with the others', () => {
  const port = (at: number, targets: number): PublishedPort => ({
    serviceName: `s${at}`,
    protocol: 'tcp',
    port: 20_000 + at,
    targets: Array.from({ length: targets }, (__, index) => ({ address: `10.1.${at}.${index + 2}`, port: 80 })),
  });
  const text = (count: number): string => {
    const ports = Array.from({ length: count }, (__, at) => port(at, 10));
    return changeText(ruleSet('t', { ports }), ruleSet('t', { ports: [port(0, 9), ...ports.slice(1)] }));
  };
  expect(text(200).length).toBe(text(1).length);
  expect(text(200).split('\n').length).toBeLessThan(12);
});

test('of another table nothing is taken for known', () => {
  const of = (table: string): ReturnType<typeof ruleSet> => ruleSet(table, { ports: [] });
  expect(changeText(of('one'), of('two'))).toBe(of('two').text);
});

test('a counter comes before what names it and goes after, and is never written anew', () => {
  const of = (names: readonly string[]): RulePart[] => [
    ...names.map((name) => ({ kind: 'counter', name }) as const),
    elements(
      'map',
      'virtual',
      'ipv4_addr : counter',
      names.map((name, at) => `10.0.0.${at} : "${name}"`),
    ),
    hooked('out', 'nat', 'output', -115, ['counter name ip daddr map @virtual;']),
  ];
  expect(changedLines('ip t', of(['c_a', 'c_b']), of(['c_a', 'c_c']))).toEqual([
    'add counter ip t c_c',
    'delete element ip t virtual { 10.0.0.1 }',
    'add element ip t virtual { 10.0.0.1 : "c_c" }',
    'delete counter ip t c_b',
  ]);
  expect(filledLines('ip t', of(['c_a']))).toEqual([
    'add table ip t',
    'add counter ip t c_a',
    'add map ip t virtual { type ipv4_addr : counter; }',
    'flush map ip t virtual',
    'add chain ip t out { type nat hook output priority -115; policy accept; }',
    'flush chain ip t out',
    'add element ip t virtual { 10.0.0.0 : "c_a" }',
    'add rule ip t out counter name ip daddr map @virtual',
  ]);
});
