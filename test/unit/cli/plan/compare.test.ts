import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/object/service-spec';
import { planService, planStack, type StackState } from '../../../../src/cli/plan/compare.ts';
import { planLines } from '#model/difference/plan-text';

const service = (container: object = {}, more: object = {}): ServiceSpec => ({
  Name: 'zoo_lion',
  TaskTemplate: { ContainerSpec: { Image: 'lion:1', ...container }, ...more },
});
const state = (more: Partial<StackState> = {}): StackState => ({ services: [], networks: [], secrets: [], configs: [], ...more });
const keep = { pruneServices: false };
const prune = { pruneServices: true };
const summary = (live: StackState, wanted: StackState, options = keep): string[] =>
  planStack(live, wanted, options).map(({ kind, name, change }) => `${change} ${kind} ${name}`);

test('what the daemon fills in is no change', () => {
  const live = {
    ...service(
      { Image: `lion:1@sha256:${'a'.repeat(64)}`, Isolation: 'default', Secrets: [{ SecretID: 'x', SecretName: 's' }] },
      { ForceUpdate: 3, Runtime: 'container', Placement: { Platforms: [{ OS: 'linux' }] } },
    ),
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: { Mode: 'vip' },
  };
  expect(planService(live, { ...service({ Secrets: [{ SecretName: 's' }], DNSConfig: {} }), EndpointSpec: {}, Mode: { Replicated: {} } })).toMatchObject({
    change: 'none',
    fields: [],
  });
});

test('a digest in the file matters', () => {
  const live = service({ Image: `lion:1@sha256:${'a'.repeat(64)}` });
  expect(planService(live, service({ Image: `lion:1@sha256:${'b'.repeat(64)}` })).change).toBe('update');
});

test.each([
  [service(), service({ Image: 'lion:2' }), 'all', 'TaskTemplate.ContainerSpec.Image'],
  [service(), { ...service(), EndpointSpec: { Ports: [{ TargetPort: 1 }] } }, 'all', 'EndpointSpec.Ports'],
  [service(), service({}, { Placement: { Constraints: ['node.role==manager'] } }), 'unsuited', 'TaskTemplate.Placement.Constraints'],
  [service(), { ...service(), Labels: { a: 'b' } }, undefined, 'Labels.a'],
  [service(), { ...service(), Mode: { Replicated: { Replicas: 3 } } }, undefined, 'Mode.Replicated.Replicas'],
])('%j to %j restarts %s', (live, wanted, restarts, field) => {
  const change = planService(live, wanted);
  expect([change.restarts, change.fields.map((item) => item.field)]).toEqual([restarts, [field]]);
});

test('values of variables never show', () => {
  const changes = planStack(state({ services: [service({ Env: ['A=canary1', 'B=1'] })] }), state({ services: [service({ Env: ['A=canary2', 'C=1'] })] }), keep);
  expect(changes[0]?.fields).toEqual([{ field: 'TaskTemplate.ContainerSpec.Env', variables: ['A', 'B', 'C'] }]);
  expect(JSON.stringify(changes) + planLines(changes, 'zoo').join('')).not.toContain('canary');
});

test('what goes: services when that is asked for, and versions that a deploy made and nothing names; never what only has the label', () => {
  const user = service({ Configs: [{ ConfigName: 'old' }] });
  const made = { Labels: { 'shoal.content': 'readable' } };
  const configs = [{ Name: 'old', ...made }, { Name: 'older', ...made }, { Name: 'by-hand' }];
  const live = state({ services: [user, { ...service(), Name: 'zoo_gone' }], configs, networks: [{ Name: 'n' }] });
  const wanted = state({ services: [service()], configs: [{ Name: 'new' }] });
  expect(summary(live, wanted)).toEqual(['create config new', 'remove config older', 'update service zoo_lion']);
  expect(summary(live, wanted, prune)).toEqual(['remove service zoo_gone', 'create config new', 'remove config older', 'update service zoo_lion']);
});

test('other content under one name is refused; other labels are not', () => {
  const live = state({ configs: [{ Name: 'c', Labels: {}, Data: 'YQ==' }], secrets: [{ Name: 's', Labels: {} }] });
  const wanted = state({ configs: [{ Name: 'c', Labels: {}, Data: 'Yg==' }], secrets: [{ Name: 's', Labels: { a: 'b' }, Data: 'Yg==' }] });
  const changes = planStack(live, wanted, keep);
  expect(changes.map(({ name, change, refused }) => [name, change, refused !== undefined])).toEqual([
    ['s', 'update', false],
    ['c', 'update', true],
  ]);
});
