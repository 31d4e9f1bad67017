import { expect, test } from 'vitest';
import { differences } from '#reconciler/differences';

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: { b: 1 }, c: 2 }, { a: { b: 3 }, c: 2 }, ['a.b: 1 → 3']],
  [{}, { Image: 'x' }, ['Image: nothing → "x"']],
  [{ List: [1] }, { List: [1, 2] }, ['List: [1] → [1,2]']],
  [{ Env: ['A=1', 'B=2'] }, { Env: ['B=2', 'A=1'] }, ['Env: another order']],
  [{}, { ContainerSpec: { Image: 'x', Env: ['A=secret'] } }, ['ContainerSpec.Env: A', 'ContainerSpec.Image: nothing → "x"']],
  [{ Configs: [{ ConfigName: 'a-1' }, { ConfigName: 'b' }] }, { Configs: [{ ConfigName: 'a-2' }, { ConfigName: 'b' }] }, ['Configs: a-1 → a-2']],
  [{}, { Secrets: [{ SecretName: 's', File: { Name: 'f' } }] }, ['Secrets: nothing → s']],
  [{ Configs: [{ ConfigName: 'a', File: { Mode: 292 } }] }, { Configs: [{ ConfigName: 'a', File: { Mode: 256 } }] }, ['Configs[a].File.Mode: 292 → 256']],
  [{ Networks: [{ Target: 'id1' }] }, { Networks: [] }, ['Networks: front → nothing']],
  [{ Ports: [{ PublishedPort: 80, TargetPort: 8080 }] }, { Ports: [{ TargetPort: 8080 }] }, ['Ports: 80:8080/tcp → any:8080/tcp']],
  [
    { LogDriver: { Name: 'splunk', Options: { token: 'secret' } } },
    { LogDriver: { Name: 'splunk', Options: { token: 'other' } } },
    ['LogDriver.Options.token: changed'],
  ],
  [{ C: { Env: ['A=secret', 'B=1'] } }, { C: { Env: ['A=other', 'B=1', 'N=2'] } }, ['C.Env: A, N']],
])('%o against %o', (live, wanted, lines) => expect(differences(live, wanted, (id) => (id === 'id1' ? 'front' : id))).toEqual(lines));

test('long values and long lists are cut', () => {
  const [line = ''] = differences({ a: 'x'.repeat(500) }, { a: 'y' });
  expect(line.length).toBeLessThan(100);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index]));
  expect(differences({}, many).at(-1)).toBe('and 30 more');
});
