/** What is said of a commit whose stacks need one another. */
import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { createRepository } from '#control/repository/repositories';
import type { RepositoryPlan } from '#model/difference/stack-plan';
import { planCommit } from '#reconciler/repository-plan';
import type { RenderedStack } from '#reconciler/rendered';
import type { View } from '#store/view';
import { initialisedCluster } from '#test/support/memory-cluster';

/** Each has a network, and one service on that of the next. */
function chain(length: number): RenderedStack[] {
  return Array.from({ length }, (_, at): RenderedStack => {
    const Name = `s${at}`;
    const Labels = { 'com.docker.stack.namespace': Name };
    const needs = at < length - 1 ? [`n${at + 1}`] : [];
    const spec = {
      Name,
      Networks: [{ Name: `n${at}`, Labels, Driver: 'overlay', Scope: 'swarm' as const }],
      Secrets: [],
      Configs: [],
      Services: [{ Name: `${Name}_web`, Labels, TaskTemplate: { ContainerSpec: { Image: 'app:1' }, Networks: needs.map((Target) => ({ Target })) } }],
      External: { Networks: needs, Secrets: [], Configs: [] },
    };
    return { Name, Path: `stacks/${Name}`, Commit: 'c', spec, digest: `d${at}`, Policy: { Atomic: true } } as unknown as RenderedStack;
  });
}

/** The plan, and how often it looked for a stack by name. */
function planned(stacks: readonly RenderedStack[]): { plan: RepositoryPlan; looks: number } {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ Name: 'infra', URL: 'https://git.example/x', Branch: 'main', Path: 'stacks', Interval: 1e9, Trust: 'full' }));
  let looks = 0;
  const view = new Proxy(cluster.store as View, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        if (key === 'find' && given[0] === 'stack') looks += 1;
        if (key === 'byName' && given[0] === 'stack') looks += 1;
        return Reflect.apply(value, target, given);
      };
    },
  });
  return { plan: finish(planCommit(view, 'infra', stacks, { now: 0, commit: 'c' })), looks };
}

test('of stacks that come in one entry each shows its own changes, behind those that it needs', () => {
  const { plan } = planned(chain(6));
  for (const stack of plan.stacks) {
    const named = stack.changes?.map(({ kind, name }) => `${kind} ${name}`);
    expect([stack.step, named]).toEqual(['apply', [`network ${stack.name.replace('s', 'n')}`, `service ${stack.name}_web`]]);
  }
});

test('the work grows as the stacks do, also where each needs the next', () => {
  const [few, many] = [planned(chain(12)).looks, planned(chain(48)).looks];
  expect(many / few).toBeLessThan(6);
});
