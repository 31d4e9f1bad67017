/** The one difference of two specs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '#base/equal';
import { fieldChanges, fieldText } from '#model/difference/field-changes';
import { serviceChange } from '#model/difference/stack-plan';

const lines = (from: unknown, to: unknown): string[] => fieldChanges(from, to).map(fieldText);

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: { b: 1 }, c: 2 }, { a: { b: 3 }, c: 2 }, ['a.b: 1 → 3']],
  [{ Labels: {} }, { Labels: { constructor: 'x' } }, ['Labels.constructor: nothing → "x"']],
  [{}, { Image: 'x' }, ['Image: nothing → "x"']],
  [{ List: [1] }, { List: [1, 2] }, ['List: [1] → [1,2]']],
  [{ Env: ['A=1', 'B=2'] }, { Env: ['B=2', 'A=1'] }, ['Env: another order']],
  [{}, { ContainerSpec: { Image: 'x', Env: ['A=secret'] } }, ['ContainerSpec.Env: A', 'ContainerSpec.Image: nothing → "x"']],
  [{ Configs: [{ ConfigName: 'a-1' }, { ConfigName: 'b' }] }, { Configs: [{ ConfigName: 'a-2' }, { ConfigName: 'b' }] }, ['Configs: a-1 → a-2']],
  [{}, { Secrets: [{ SecretName: 's', File: { Name: 'f' } }] }, ['Secrets: nothing → s']],
  [{ Configs: [{ ConfigName: 'a', File: { Mode: 292 } }] }, { Configs: [{ ConfigName: 'a', File: { Mode: 256 } }] }, ['Configs[a].File.Mode: 292 → 256']],
  [{ Networks: [{ Target: 'front' }] }, { Networks: [] }, ['Networks: front → nothing']],
  [{ Ports: [{ PublishedPort: 80, TargetPort: 8080 }] }, { Ports: [{ TargetPort: 8080 }] }, ['Ports: 80:8080/tcp → any:8080/tcp']],
  [
    { LogDriver: { Name: 'splunk', Options: { token: 'secret' } } },
    { LogDriver: { Name: 'splunk', Options: { token: 'other' } } },
    ['LogDriver.Options.token: changed'],
  ],
  [
    { Mounts: [{ Target: '/v', VolumeOptions: { DriverConfig: { Options: { o: 'size=1m' } } } }] },
    { Mounts: [{ Target: '/v', VolumeOptions: { DriverConfig: { Options: { o: 'size=4m' } } } }] },
    ['Mounts[/v].VolumeOptions.DriverConfig.Options.o: changed; a volume that is on its node stays as it is, and the task is rejected there'],
  ],
  [{ C: { Env: ['A=secret', 'B=1'] } }, { C: { Env: ['A=other', 'B=1', 'N=2'] } }, ['C.Env: A, N']],
  [{}, { Global: {} }, ['Global: nothing → {}']],
])('%o against %o', (from, to, wanted) => expect(lines(from, to)).toEqual(wanted));

test('one secret mounted twice is told apart all the same: a change of the first mount is one', () => {
  const twice = (Name: string) => ({
    Secrets: [
      { SecretName: 's', File: { Name } },
      { SecretName: 's', File: { Name: 'second' } },
    ],
  });
  expect(lines(twice('first'), twice('other'))).toHaveLength(1);
  expect(serviceChange('web', { TaskTemplate: twice('first') }, { TaskTemplate: twice('other') }).change).toBe('update');
});

test("a plan shows no option of a log driver, no more than a reconcile's reason does", () => {
  const spec = (token: string) => ({ TaskTemplate: { LogDriver: { Name: 'splunk', Options: { token } } } });
  const change = serviceChange('web', spec('canary1'), spec('canary2'));
  expect(change).toMatchObject({ change: 'update', restarts: 'all' });
  expect(JSON.stringify(change)).not.toContain('canary');
});

test('nothing differs only where the two are equal', () => {
  const named = fc.record({ SecretName: fc.constantFrom('a', 'b'), Mode: fc.nat(2) });
  const spec = fc.record(
    { Secrets: fc.array(named, { maxLength: 3 }), Env: fc.array(fc.constantFrom('A=1', 'A=2')), Mode: fc.option(fc.object({ maxDepth: 2 })) },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(spec, spec, (a, b) => (fieldChanges(a, b).length === 0) === equal(a, b)));
});

test('long values are cut', () => {
  const [line = ''] = lines({ a: 'x'.repeat(500) }, { a: 'y' });
  expect(line.length).toBeLessThan(100);
});
