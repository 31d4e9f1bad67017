/** Random commits by a seed, good ones, ones that fail, and ones that take back what came before, while leaders come and go: what is in force is the last good version of each stack, and what nobody changed is not touched. */
import { expect, test } from 'vitest';
import { integerBetween, seededRandom } from '#base/random';
import { Successors } from '#test/support/successors';

const names = ['red', 'green', 'blue', 'grey', 'pink', 'gold'];

test.each([
  [20261123, 200],
  [7, 60],
])('seed %i, %i commits', async (seed, commits) => {
  const random = seededRandom(seed, 'commits');
  const chance = (of: number): boolean => integerBetween(random, 1, of) === 1;
  const world = new Successors();
  const touched = new Map<string, string[]>();
  world.cluster.watch((events) => {
    for (const { kind, object, previous } of events) {
      if (kind !== 'service' || !object || (previous && object.Shoal.SpecVersion === previous.Shoal.SpecVersion)) continue;
      const image = object.Spec.TaskTemplate.ContainerSpec?.Image ?? '';
      const stack = object.Spec.Name.slice(0, object.Spec.Name.indexOf('_'));
      touched.set(stack, [...(touched.get(stack) ?? []), image]);
    }
  });
  let version = 0;
  let wishes: Record<string, string> = Object.fromEntries(names.map((name) => [name, `app:${(version += 1)}`]));
  const line = [wishes];
  const good = new Map<string, string>();
  const asked = () => Object.fromEntries(Object.entries(wishes).map(([name, image]) => [name, { web: image }]));
  for (let made = 0; made <= commits; made++) {
    const before = wishes;
    if (made > 0) {
      const kind = integerBetween(random, 0, 99);
      const some = names.filter(() => chance(names.length));
      const changed = some.length > 0 ? some : [names[integerBetween(random, 0, names.length - 1)] ?? ''];
      const image = (): string => `${kind < 45 ? 'app' : 'bad'}:${(version += 1)}`;
      wishes =
        kind < 70 ? { ...wishes, ...Object.fromEntries(changed.map((name) => [name, image()])) } : (line[integerBetween(random, 0, line.length - 1)] ?? wishes);
      line.push(wishes);
    }
    touched.clear();
    await world.commit(asked());
    if (chance(3)) await world.succeed();
    if (chance(4)) await world.look(asked());
    await world.judged(chance(2) ? 4 : 8);
    if (chance(3)) await world.succeed();
    await world.look(asked());
    await world.judged();
    for (const name of names) {
      const wish = wishes[name] ?? '';
      if (wish.startsWith('app')) good.set(name, wish);
      expect([made, name, world.image(`${name}_web`)]).toEqual([made, name, good.get(name)]);
      const updates = touched.get(name) ?? [];
      if (made > 0 && before[name] === wish) expect([made, name, updates]).toEqual([made, name, []]);
      // What a commit asks for comes once, and goes back once.
      expect([made, name, new Set(updates).size]).toEqual([made, name, updates.length]);
    }
  }
  await world.stop();
});
