import { expect, test } from 'vitest';
import type { Service } from '#model/object/service';
import { isDirty } from '#model/task-fulfils';
import { aService, aTask } from '#test/support/cluster-objects';
import { draft, node, service, type TaskLine } from '#test/support/drafts';

const old = { SpecVersion: 0 };
const spec = { ContainerSpec: { Image: 'v1' } };
const zoneA = { Constraints: ['node.labels.zone==a'] };

test.each<[string, Service, TaskLine, boolean]>([
  ['the same version', service(), { Spec: {} }, false],
  ['nothing but the version differs', service({ Labels: { a: 'b' } }), { Spec: spec, Shoal: old }, false],
  ['another image', service(), { Spec: { ContainerSpec: { Image: 'v0' } }, Shoal: old }, true],
  ['a forced update', service({ TaskTemplate: { ...spec, ForceUpdate: 1 } }), { Spec: spec, Shoal: old }, true],
  ['another restart policy', service({ TaskTemplate: { ...spec, RestartPolicy: { Condition: 'none' } } }), { Spec: spec, Shoal: old }, true],
  ['other ports', service({ EndpointSpec: { Ports: [{ TargetPort: 80 }] } }), { Spec: spec, Shoal: old }, true],
  ['the same ports', service({ EndpointSpec: { Mode: 'vip' } }), { Spec: spec, Shoal: { ...old, EndpointSpec: { Mode: 'vip' } } }, false],
  ['an endpoint of nothing', service({ EndpointSpec: {} }), { Spec: spec, Shoal: old }, false],
  ['other registry credentials', service({}, { Shoal: { SpecVersion: 1, RegistryAuth: 'x' } }), { Spec: spec, Shoal: old }, false],
  ['a placement that the node meets', service({ TaskTemplate: { ...spec, Placement: zoneA } }), { Spec: spec, Shoal: old }, false],
  ['a placement that it does not meet', service({ TaskTemplate: { ...spec, Placement: zoneA } }), { Spec: spec, Shoal: old, node: 'n2' }, true],
  ['a placement change without a node yet', service({ TaskTemplate: { ...spec, Placement: {} } }), { Spec: spec, Shoal: old, node: '' }, true],
  ['placement and image', service({ TaskTemplate: { ...spec, Placement: zoneA } }), { Spec: { ContainerSpec: { Image: 'v0' } }, Shoal: old }, true],
])('%s', (_name, of, line, expected) => {
  const situation = draft(of, [line], [node('n1', { Labels: { zone: 'a' } }), node('n2')]);
  expect(situation.tasks().map((task) => situation.isDirty(task))).toEqual([expected]);
});

test('the spec that many tasks share is compared with the service’s once', () => {
  let reads = 0;
  const shared = {
    get ContainerSpec() {
      reads++;
      return { Image: 'v0' };
    },
  };
  const of = aService('web', { TaskTemplate: spec });
  const tasks = Array.from({ length: 1000 }, (_, at) => ({ ...aTask(`t${at}`, 'running'), Spec: shared, Shoal: { ...aTask('t', 'running').Shoal, ...old } }));
  expect(tasks.every((task) => isDirty(of, task, undefined))).toBe(true);
  expect(reads).toBeGreaterThan(0);
  expect(reads).toBeLessThan(10);
});
