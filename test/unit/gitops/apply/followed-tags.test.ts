/** Tags that a stack follows, while their registry is away and another leader comes: nothing rolls, and nothing that was given up is tried again. */
import { expect, test } from 'vitest';
import type { Distribution } from '#model/image/image-pin';
import { Successors, type Asked } from '#test/support/successors';

const web = (image: string): Asked => ({ web: { Labels: { 'shoal.image': 'follow' }, TaskTemplate: { ContainerSpec: { Image: image } } } });

class World extends Successors {
  /** Absent: the registry is away. */
  letter: string | undefined = 'a';

  constructor() {
    super({ registries: { ask: async (images) => new Map(images.flatMap((image) => this.#meaning(image))) } });
  }

  #meaning(image: string): [string, Distribution][] {
    if (this.letter === undefined) return [];
    return [[image, { Descriptor: { digest: this.digest }, Platforms: [{ architecture: 'amd64', os: 'linux' }] }]];
  }

  get digest(): string {
    return `sha256:${(this.letter ?? '').repeat(64)}`;
  }

  /** All that a rollout, or a lost word, would change. */
  state(): object {
    const { store } = this.cluster;
    const services = [...store.list('service')].map(({ Spec, Shoal }) => [Spec, Shoal.SpecVersion]);
    const stacks = [...store.list('stack')].map(({ Digest, Images, Quarantine, Condition }) => [Digest, Images, Quarantine, Condition]);
    return { services, stacks, revisions: [...store.list('revision')].map(({ Spec, Outcome }) => [Spec.Name, Outcome]) };
  }
}

test('another leader takes up what a followed tag meant last, as long as its registry is away', async () => {
  const world = new World();
  await world.commit({ shop: web('app:1') });
  await world.judged();
  const { digest } = world;
  const before = world.state();
  world.letter = undefined;
  await world.succeed();
  for (const seen of [true, false]) await world.look({ shop: web('app:1') }, 'main', seen);
  expect(world.state()).toEqual(before);
  // Its next version holds what the other tag meant, and nothing of the one that is new.
  await world.commit({ shop: { ...web('app:1'), more: 'more:1' } });
  expect([world.image('shop_web'), world.image('shop_more')]).toEqual([`app:1@${digest}`, 'more:1']);
  world.letter = 'b';
  await world.look({ shop: { ...web('app:1'), more: 'more:1' } });
  expect(world.image('shop_web')).toBe(`app:1@${world.digest}`);
  await world.stop();
});

test('what a followed tag came to mean and was given up stays given up, over another leader and a registry that is away', async () => {
  const world = new World();
  await world.commit({ shop: web('app:1') });
  await world.judged();
  const good = world.image('shop_web');
  // The tag means something that never runs.
  await world.commit({ shop: web('bad:1') });
  await world.judged();
  expect([world.image('shop_web'), world.cluster.store.byName('stack', 'shop')?.Quarantine]).toEqual([good, expect.any(Object)]);
  const before = world.state();
  world.letter = undefined;
  await world.succeed();
  for (const seen of [true, false]) await world.look({ shop: web('bad:1') }, 'main', seen);
  await world.judged();
  expect(world.state()).toEqual(before);
  world.letter = 'a';
  await world.look({ shop: web('bad:1') });
  await world.judged();
  expect(world.state()).toEqual(before);
  await world.stop();
});
