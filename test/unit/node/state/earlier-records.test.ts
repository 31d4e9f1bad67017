/** Records of repositories and stacks as the first version wrote them, read by this one: nothing of them is lost, and nothing is guessed. */
import { expect, test } from 'vitest';
import { repositoryBody } from '#api/view/repository';
import { stackDetails, stackSummaries } from '#api/view/stack-summary';
import { explainRepository } from '#control/explain/repository';
import { explainStack } from '#control/explain/stack';
import { inventoryOf } from '#control/stack/inventory';
import { namespaceLabel } from '#model/object/meta';
import { trustOf, type Repository } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import { encodeState } from '#replica/state-format';
import { ReplicatedState } from '#replica/state';
import type { View } from '#store/view';
import { create, newMeta } from '#store/action';
import { Store } from '#store/store';
import { aService, startTime } from '#test/support/cluster-objects';

const Since = '2025-01-01T00:00:00.000Z';
const Commit = 'c'.repeat(40);
const parts = { clock: { now: () => startTime }, reconciler: { waiting: () => undefined } };

const repository = {
  ...newMeta('r1'),
  Spec: { Name: 'stacks', URL: '/var/lib/stacks', Branch: 'main', Path: 'stacks', Interval: 60e9 },
  Status: {
    State: 'degraded',
    Commit,
    Message: 'mail is refused',
    Since,
    Refused: { mail: ['compose.yml:1:1: no'] },
    Failed: { shop: ['web was rolled back'] },
  },
} as unknown as Repository;

function stackOf(name: string, State: string): Stack {
  const Source = { Kind: 'repository', Repository: 'stacks', Path: name, Commit };
  return {
    ...newMeta(name),
    Spec: { Name: name },
    Source,
    Digest: 'd1',
    Services: [`${name}_web`],
    Condition: { State, Message: 'as it was', Since },
  } as unknown as Stack;
}

/** The state as a snapshot holds it, read again. */
async function opened(states: readonly string[]): Promise<View> {
  const store = new Store();
  const services = states.map((_state, at) => aService(`service${at}`, { Name: `stack${at}_web`, Labels: { [namespaceLabel]: `stack${at}` } }));
  const actions = [
    create('repository', repository),
    ...states.map((state, at) => create('stack', stackOf(`stack${at}`, state))),
    ...services.map((service) => create('service', service)),
  ];
  store.apply(1, { actions, now: startTime });
  const state = new ReplicatedState();
  await state.restore(1, encodeState(store.image()));
  return state.store;
}

const kept = ['applied', 'refused'];
/** In which only the first version noted how a stack fared. */
const former = ['drifted', 'rolled back', 'update paused', 'rollback paused'];

test('stacks of the first version have their states, owners and inventories; how they fared then is seen anew', async () => {
  const view = await opened([...kept, ...former]);
  const summaries = [...stackSummaries(view, parts)];
  expect(summaries.map(({ Condition }) => [Condition.State, Condition.Message])).toEqual([
    ...kept.map((state) => [state, 'as it was']),
    ...former.map(() => ['applied', '']),
  ]);
  for (const [at, { Name, Source, Services, Health, Condition }] of summaries.entries()) {
    expect({ Name, Source, Services, since: Condition.Since }).toEqual({
      Name: `stack${at}`,
      Source: { Kind: 'repository', Repository: 'stacks', Path: Name, Commit },
      Services: 1,
      since: Since,
    });
    expect(Health?.State).toBe('progressing');
    const record = view.byName('stack', Name);
    expect(inventoryOf(view, record)).toEqual([{ Kind: 'service', ID: `service${at}`, Name: `${Name}_web` }]);
    expect(stackDetails(view, Name, parts)?.ServiceNames).toEqual([`${Name}_web`]);
    const told = record ? explainStack(view, record, undefined, startTime).join('\n') : '';
    expect(told).toContain('It is in force as a version from before revisions were kept.');
    expect(told).not.toMatch(/undefined|rolled back|paused|drifted/);
  }
});

test('a repository of the first version keeps full trust and follows its branch; what it says of its stacks is theirs', async () => {
  const view = await opened(former);
  const found = view.byName('repository', 'stacks');
  if (!found) throw new Error('no repository');
  expect(trustOf(found.Spec)).toBe('full');
  const body = repositoryBody(found, [...stackSummaries(view, parts)], startTime) as {
    Spec: object;
    Status: { State: string; Refused: object };
    Stacks: object[];
  };
  expect(body.Spec).toMatchObject(repository.Spec);
  expect(body.Status).toMatchObject({ State: 'degraded', Refused: { mail: ['compose.yml:1:1: no'] } });
  expect(body.Stacks).toHaveLength(former.length);
  const told = explainRepository(view, found, startTime).join('\n');
  expect(told).toContain('full trust');
  expect(told).not.toMatch(/undefined|rolled back, |paused, |drifted, /);
});
