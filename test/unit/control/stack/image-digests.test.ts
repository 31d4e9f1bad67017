/** Digests: asked for once for each revision of a service, kept by who deploys the same again. */
import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { imagesOf, servicesToAsk, withDigests } from '#control/stack/image-digests';
import { deployStack } from '#control/stack/stacks';
import type { ResolveImages } from '#model/image/image-pin';
import { imageLabel } from '#model/object/meta';
import type { ServiceSpec } from '#model/object/service-spec';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const byHand = { source: { Kind: 'deploy' }, prune: true } as const;
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

function web(image: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return serviceSpec('shop_web', {
    ...more,
    Labels: { [imageLabel]: image, ...more.Labels },
    TaskTemplate: { ContainerSpec: { Image: image }, ...more.TaskTemplate },
  });
}

/** Deploys as the daemon does: asks where there is something to ask. Answers the images that were asked for. */
function deploy(cluster: MemoryCluster, services: readonly ServiceSpec[], letter: string, when: ResolveImages = 'changed'): readonly string[] {
  const asked = stackSpec({ Services: services });
  const names = servicesToAsk(cluster.store, asked, when);
  const images = imagesOf(asked, names);
  const told = new Map(images.map((image) => [image, { Descriptor: { digest: digestOf(letter) }, Platforms: [{ architecture: 'amd64', os: 'linux' }] }]));
  cluster.run(deployStack(withDigests(asked, names, told).spec, byHand));
  return images;
}

function running(cluster: MemoryCluster, name = 'shop_web') {
  const { Spec, Shoal } = cluster.store.byName('service', name)!;
  return [Spec.TaskTemplate.ContainerSpec?.Image, Shoal.SpecVersion] as const;
}

test('tag and digest are kept, with the platforms; the same again asks nobody and changes nothing', () => {
  const cluster = initialisedCluster();
  expect(deploy(cluster, [web('app:1')], 'a')).toEqual(['app:1']);
  const pinned = `app:1@${digestOf('a')}`;
  expect(running(cluster)).toEqual([pinned, 0]);
  expect(cluster.store.byName('service', 'shop_web')?.Spec.TaskTemplate.Placement?.Platforms).toEqual([{ Architecture: 'amd64', OS: 'linux' }]);
  expect(cluster.store.byName('stack', 'shop')?.Images).toEqual({ shop_web: pinned });
  expect(deploy(cluster, [web('app:1')], 'b')).toEqual([]);
  expect(running(cluster)).toEqual([pinned, 0]);
  expect(deploy(cluster, [web('app:1', { Mode: { Replicated: { Replicas: 3 } } })], 'b')).toEqual([]);
  expect(running(cluster)).toEqual([pinned, 1]);
});

test('another text is another revision, and so is the one from before it', () => {
  const cluster = initialisedCluster();
  deploy(cluster, [web('app:1')], 'a');
  expect(deploy(cluster, [web('app:2')], 'b')).toEqual(['app:2']);
  expect(deploy(cluster, [web('app:1')], 'c')).toEqual(['app:1']);
  expect(running(cluster)[0]).toBe(`app:1@${digestOf('c')}`);
});

test('always asks again, never does not ask', () => {
  const cluster = initialisedCluster();
  expect(deploy(cluster, [web('app:1')], 'a', 'never')).toEqual([]);
  expect(running(cluster)).toEqual(['app:1', 0]);
  // Nobody told it before: asking now would restart what nobody changed.
  expect(deploy(cluster, [web('app:1')], 'a')).toEqual([]);
  expect(deploy(cluster, [web('app:1')], 'b', 'always')).toEqual(['app:1']);
  expect(running(cluster)).toEqual([`app:1@${digestOf('b')}`, 1]);
  expect(deploy(cluster, [web('app:1')], 'b', 'always')).toEqual(['app:1']);
  expect(running(cluster)).toEqual([`app:1@${digestOf('b')}`, 1]);
});

test('a change of the image by hand is taken back to the digest, whatever the tag means by now', () => {
  const cluster = initialisedCluster();
  deploy(cluster, [web('app:1')], 'a');
  const { Version, Spec } = cluster.store.byName('service', 'shop_web')!;
  const TaskTemplate = { ...Spec.TaskTemplate, ContainerSpec: { ...Spec.TaskTemplate.ContainerSpec, Image: 'other:3' } };
  cluster.run(updateService('shop_web', Version.Index, { ...Spec, TaskTemplate }));
  expect(deploy(cluster, [web('app:1')], 'z')).toEqual([]);
  expect(running(cluster)[0]).toBe(`app:1@${digestOf('a')}`);
});

test('an image that is fixed, or that is meant to be the node’s own, is not asked for', () => {
  const cluster = initialisedCluster();
  const own = web('app:1', { TaskTemplate: { ContainerSpec: { Image: 'app:1', Shoal: { PullPolicy: 'never' } } } });
  expect(deploy(cluster, [own], 'a', 'always')).toEqual([]);
  expect(deploy(cluster, [web(`app@${digestOf('f')}`)], 'a', 'always')).toEqual([]);
});

test('of services that share a tag only the new one is asked for', () => {
  const cluster = initialisedCluster();
  deploy(cluster, [web('app:1')], 'a');
  const second = { ...web('app:1'), Name: 'shop_second' };
  expect(deploy(cluster, [web('app:1'), second], 'b')).toEqual(['app:1']);
  expect([running(cluster)[0], running(cluster, 'shop_second')[0]]).toEqual([`app:1@${digestOf('a')}`, `app:1@${digestOf('b')}`]);
});

test('one that follows its tag is asked for at each look of its repository, and by nobody else', () => {
  const cluster = initialisedCluster();
  const follower = web('app:1', { Labels: { 'shoal.image': 'follow' } });
  deploy(cluster, [follower], 'a');
  const asked = stackSpec({ Services: [follower] });
  expect([...servicesToAsk(cluster.store, asked, 'changed', true)]).toEqual(['shop_web']);
  expect([...servicesToAsk(cluster.store, asked, 'changed')]).toEqual([]);
});
