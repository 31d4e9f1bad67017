import { expect, test } from 'vitest';
import { readRepositoryFile } from '#compose/repository/repository-file';
import { orderFaults } from '#reconciler/order/order';
import type { RenderedStack } from '#reconciler/rendered';

function stack(Name: string, After: readonly string[] = []): RenderedStack {
  return { Name, Path: `stacks/${Name}`, Commit: 'c1', Policy: { After }, errors: [] };
}

/** Counts how often somebody asks what the stacks come after. */
function counted(stacks: readonly RenderedStack[]): { stacks: RenderedStack[]; asked: () => number } {
  let asked = 0;
  const heard = (After: readonly string[]): readonly string[] =>
    new Proxy(After, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) asked += 1;
        return Reflect.get(target, key) as unknown;
      },
    });
  return { stacks: stacks.map((each) => ({ ...each, Policy: { After: heard(each.Policy?.After ?? []) } })), asked: () => asked };
}

test('a circle is told of those that lie in it, a name that is no stack of who says it, and of nobody else', () => {
  const faults = orderFaults([
    stack('db', ['web']),
    stack('web', ['db']),
    stack('own', ['own']),
    stack('late', ['db', 'own']),
    stack('odd', ['none']),
    stack('fine'),
  ]);
  expect(Object.fromEntries(faults)).toEqual({
    db: 'it comes after itself: db after web after db',
    web: 'it comes after itself: web after db after web',
    own: 'it comes after itself: own after own',
    odd: 'it comes after none, which is no stack of the commit',
  });
});

test('two circles with a name in common are one, and its neighbours have a way each', () => {
  const faults = orderFaults([stack('a', ['b']), stack('b', ['a', 'c']), stack('c', ['b']), stack('d', ['a'])]);
  expect(Object.fromEntries(faults)).toEqual({
    a: 'it comes after itself: a after b after a',
    b: 'it comes after itself: b after a after b',
    c: 'it comes after itself: c after b after c',
  });
});

test('each mention is looked at a few times, however many stacks there are and whatever they form', () => {
  const count = 300;
  const all = Array.from({ length: count }, (_, at) => `s${at}`);
  const line = counted(all.map((name, at) => stack(name, all.slice(0, at))));
  expect(orderFaults(line.stacks).size).toBe(0);
  expect(line.asked()).toBeLessThan(4 * count * count);
  const dense = counted(all.map((name) => stack(name, all)));
  expect(orderFaults(dense.stacks).size).toBe(count);
  expect(dense.asked()).toBeLessThan(6 * count * count + 100_000);
  const ring = orderFaults(all.map((name, at) => stack(name, [all[(at + 1) % count] ?? ''])));
  expect(ring.get('s7')).toBe('it comes after itself: it lies in a circle of 300 stacks');
});

test('a stack names at most 256 others that come before it', () => {
  const file = (after: number) => Buffer.from(JSON.stringify({ stacks: [{ path: 'stacks/*', after: Array.from({ length: after }, (_, at) => `s${at}`) }] }));
  expect(readRepositoryFile('shoal.yml', file(256))).not.toHaveProperty('errors');
  expect(JSON.stringify(readRepositoryFile('shoal.yml', file(257)))).toContain('it names 257 stacks');
});
