/** What a repository's reconciler makes of images: pinned once, or followed. */
import { expect, test } from 'vitest';
import { ImageTags } from '#gitops/apply/image-tags';
import type { StackSpec } from '#model/object/stack';
import type { RenderedStack } from '#reconciler/rendered';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { serviceSpec, stackSpec } from '../control/specs.ts';

const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

function tags(): { tags: ImageTags; asked: string[][]; means(letter: string | undefined): void } {
  const asked: string[][] = [];
  let now: string | undefined = 'a';
  const ask = async (images: readonly string[]) => {
    asked.push([...images]);
    return new Map(now === undefined ? [] : images.map((image) => [image, { Descriptor: { digest: digestOf(now ?? '') } }]));
  };
  const parts = { cluster: initialisedCluster(), registries: { ask }, logger: silentLogger };
  return { tags: new ImageTags(parts), asked, means: (letter) => (now = letter) };
}

const rendered = (spec: StackSpec): RenderedStack & { spec: StackSpec; digest: string } => ({
  Name: 'shop',
  Path: 'shop',
  Commit: 'c',
  spec,
  digest: 'sha256:1',
});
const follower = rendered(stackSpec({ Services: [serviceSpec('shop_web', { Labels: { 'shoal.image': 'follow' } }), serviceSpec('shop_db')] }));
const images = (stack: RenderedStack | undefined) =>
  stack && 'spec' in stack ? stack.spec.Services.map((each) => each.TaskTemplate.ContainerSpec?.Image) : [];

test('another meaning of a followed tag is another version of the stack; a registry that is away changes nothing', async () => {
  const world = tags();
  expect(world.tags.follows([follower])).toBe(true);
  const [first] = await world.tags.followed([follower], true);
  expect(images(first)).toEqual([`app:1@${digestOf('a')}`, 'app:1']);
  expect(await world.tags.followed([follower], false)).toEqual([first]);
  expect(world.asked).toEqual([['app:1']]);
  world.means('b');
  const [second] = await world.tags.followed([follower], true);
  expect(images(second)).toEqual([`app:1@${digestOf('b')}`, 'app:1']);
  expect((second as { digest: string }).digest).not.toBe((first as { digest: string }).digest);
  world.means(undefined);
  expect(await world.tags.followed([follower], true)).toEqual([second]);
});

test('what follows nothing is as the commit has it, and pinned when it is applied', async () => {
  const world = tags();
  const plain = rendered(stackSpec());
  expect([world.tags.follows([plain]), await world.tags.followed([plain], true)]).toEqual([false, [plain]]);
  expect(images(rendered(await world.tags.pinned(plain.spec)))).toEqual([`app:1@${digestOf('a')}`]);
  world.means(undefined);
  expect(await world.tags.pinned(plain.spec)).toEqual(plain.spec);
});
