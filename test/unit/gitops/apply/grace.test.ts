/** A stack that its repository does not have any more runs on for the grace, whoever leads, and comes back as it was. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { confirmRepository, removeRepository, setRepositoryStatus, suspendRepository, updateRepository } from '#control/repository/repositories';
import { removeStackByHand, deployStack } from '#control/stack/stacks';
import { suspendStack } from '#control/stack/stack-states';
import { Successors, type Asked } from '#test/support/successors';

const web = (image: string): Asked => ({ web: image });
const rest = { b: web('b:1'), c: web('c:1') };
const minute = 60_000;

async function left(grace = 600 * second, next: Record<string, Asked> = rest): Promise<Successors> {
  const world = new Successors();
  world.cluster.run(updateRepository('main', { PruneGrace: grace }));
  await world.commit({ ...rest, old: web('s:1') });
  await world.judged();
  await world.commit(next);
  return world;
}

const record = (world: Successors) => world.cluster.store.byName('stack', 'old');
const told = (world: Successors): string[] => world.events.recent().flatMap(({ name, action }) => (name === 'old' ? [action] : []));
const versions = (world: Successors) => [...world.cluster.store.list('service')].map(({ Spec, Shoal }) => [Spec.Name, Shoal.SpecVersion]);

test('it is said which commit it is gone from and when it goes, it runs on until then, also under another leader, and goes once', async () => {
  const world = await left();
  const since = world.clock.now();
  expect(record(world)?.Leaving).toEqual({
    Commit: '2'.padStart(40, '0'),
    Since: new Date(since).toISOString(),
    Until: new Date(since + 10 * minute).toISOString(),
  });
  await world.clock.advance(4 * minute);
  const { index } = world.cluster.store;
  await world.succeed();
  await world.look(rest);
  expect([world.image('old_web'), world.cluster.store.index, told(world)]).toEqual(['s:1', index, []]);
  await world.clock.advance(6 * minute - 1);
  await world.look(rest, 'main', false);
  expect(world.image('old_web')).toBe('s:1');
  await world.clock.advance(1);
  await world.look(rest, 'main', false);
  expect([world.image('old_web'), record(world), told(world)]).toEqual([undefined, undefined, ['removed']]);
  await world.stop();
});

test('a folder that is there again in time is taken up again, and nothing of it is touched; with another version that comes', async () => {
  const world = await left();
  const before = versions(world);
  await world.clock.advance(9 * minute);
  await world.commit({ ...rest, old: web('s:1') });
  expect([record(world)?.Leaving, versions(world), told(world)]).toEqual([undefined, before, ['applied', 'leaving', 'returned']]);
  await world.clock.advance(9 * minute);
  await world.look({ ...rest, old: web('s:1') });
  expect(world.image('old_web')).toBe('s:1');
  await world.commit(rest);
  await world.commit({ ...rest, old: web('s:2') });
  expect([record(world)?.Leaving, world.image('old_web')]).toEqual([undefined, 's:2']);
  await world.stop();
});

test('somebody ends it at once: by removing the stack, and by confirming the commit', async () => {
  const world = await left();
  world.cluster.run(removeStackByHand('old', false));
  expect([record(world), world.image('old_web')]).toEqual([undefined, undefined]);
  await world.look(rest);
  expect(record(world)).toBeUndefined();
  await world.stop();
  const other = await left();
  expect(() => other.cluster.run(confirmRepository('main', '1'.repeat(12)))).toThrow('is at commit');
  other.cluster.run(confirmRepository('main', '2'.padStart(40, '0')));
  await other.look(rest, 'main', false);
  expect([other.image('old_web'), other.cluster.store.byName('repository', 'main')?.Confirmed]).toEqual([undefined, undefined]);
  expect(() => other.cluster.run(confirmRepository('main', '2'.padStart(40, '0')))).toThrow('none of its stacks leaves');
  await other.stop();
});

test('after its time it still waits for the rest to be well, for who is suspended, and for the repository to be there', async () => {
  const slow = { ...rest, shop: web('slow:1') };
  const world = await left(600 * second, slow);
  await world.judged();
  await world.clock.advance(10 * minute);
  await world.look(slow);
  expect([world.image('old_web'), record(world)?.Condition.Message]).toEqual(['s:1', 'it goes when what comes is well, and shop is not yet']);
  // Taken up again, it is in order.
  await world.commit({ ...slow, old: web('s:1') });
  expect(record(world)).toMatchObject({ Condition: { State: 'applied', Message: '' } });
  await world.commit(rest);
  await world.clock.advance(10 * minute);
  world.cluster.run(suspendStack('old', true));
  await world.look(rest);
  expect(world.image('old_web')).toBe('s:1');
  world.cluster.run(suspendStack('old', false));
  world.cluster.run(suspendRepository('main', true));
  await world.look(rest);
  expect(world.image('old_web')).toBe('s:1');
  world.cluster.run(suspendRepository('main', false));
  const status = world.cluster.store.byName('repository', 'main')?.Status;
  if (!status) throw new Error('no repository');
  world.cluster.run(setRepositoryStatus('main', { ...status, State: 'unavailable' }));
  await world.look(rest, 'main', false);
  expect(world.image('old_web')).toBe('s:1');
  await world.look(rest);
  expect(world.image('old_web')).toBeUndefined();
  await world.stop();
});

test('another grace counts from when it began, none ends it, and what stays stays; without a repository it is nobody’s', async () => {
  const world = await left();
  world.cluster.run(updateRepository('main', { PruneGrace: 1200 * second }));
  await world.clock.advance(11 * minute);
  await world.look(rest);
  expect(world.image('old_web')).toBe('s:1');
  world.cluster.run(updateRepository('main', { PruneGrace: 0 }));
  await world.look(rest);
  expect(world.image('old_web')).toBeUndefined();
  await world.stop();
  const kept = await left();
  kept.policy = { KeepsStacks: true };
  await kept.look(rest);
  expect([record(kept)?.Leaving, kept.image('old_web')]).toEqual([undefined, 's:1']);
  kept.policy = {};
  await kept.look(rest);
  expect(record(kept)?.Leaving).toBeDefined();
  kept.cluster.run(removeRepository('main'));
  expect([record(kept)?.Leaving, record(kept)?.Source]).toEqual([undefined, { Kind: 'deploy' }]);
  await kept.stop();
});

test('changes by hand are undone meanwhile, also by another leader; what left before does not count among what a commit removes', async () => {
  const world = await left();
  await world.succeed();
  const service = world.cluster.store.byName('service', 'old_web');
  if (!service) throw new Error('no service');
  const TaskTemplate = { ...service.Spec.TaskTemplate, ContainerSpec: { ...service.Spec.TaskTemplate.ContainerSpec, Image: 'evil:1' } };
  const External = { Networks: [], Secrets: [], Configs: [] };
  const spec = { Name: 'old', Networks: [], Secrets: [], Configs: [], Services: [{ ...service.Spec, TaskTemplate }], External };
  world.cluster.run(deployStack(spec, { source: { Kind: 'deploy' }, prune: false, force: true }));
  expect(world.image('old_web')).toBe('evil:1');
  await world.look(rest, 'main', false);
  expect([world.image('old_web'), record(world)?.Leaving?.Commit]).toEqual(['s:1', '2'.padStart(40, '0')]);
  // One of two is no mass, and the last one is.
  await world.commit({ b: web('b:1') });
  expect(world.cluster.store.byName('stack', 'c')?.Leaving).toBeDefined();
  await world.commit({});
  expect(world.cluster.store.byName('stack', 'b')).toMatchObject({ Condition: { State: 'held' } });
  expect([world.image('b_web'), world.image('c_web'), world.image('old_web')]).toEqual(['b:1', 'c:1', 's:1']);
  await world.stop();
});

test('a grace that cannot be is refused', () => {
  const world = new Successors();
  for (const PruneGrace of [-1, 31 * 24 * 3600 * second])
    expect(() => world.cluster.run(updateRepository('main', { PruneGrace }))).toThrow('between 0s and 720h');
});
