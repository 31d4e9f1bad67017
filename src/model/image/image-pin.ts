/** An image with the digest that its registry told, and what that says of platforms. */
import { isFixedImage } from './image-reference.ts';
import type { ServiceSpec } from '../object/service-spec.ts';

/** What `GET /distribution/{name}/json` of the Engine API answers, as far as we read it. */
export interface Distribution {
  Descriptor: { digest: string };
  Platforms?: readonly { architecture?: string; os?: string }[] | null;
}

/** When registries are asked for digests: at each deploy, when the image is another one, not at all. */
export type ResolveImages = 'always' | 'changed' | 'never';

/** The spec with the digest behind its image's tag, for nodes of the platforms that the image is made for. */
export function withDigest(spec: ServiceSpec, { Descriptor, Platforms }: Distribution): ServiceSpec {
  const task = spec.TaskTemplate;
  const image = task.ContainerSpec?.Image ?? '';
  const platforms = (Platforms ?? []).map(platform);
  return {
    ...spec,
    TaskTemplate: {
      ...task,
      ContainerSpec: { ...task.ContainerSpec, Image: isFixedImage(image) ? image : `${image}@${Descriptor.digest}` },
      ...(platforms.length > 0 && { Placement: { ...task.Placement, Platforms: platforms } }),
    },
  };
}

/** Nodes report arm with its variant, images without: no architecture is asked for then. */
function platform({ architecture = '', os = '' }: { architecture?: string; os?: string }): { Architecture?: string; OS?: string } {
  const known = architecture.toLowerCase() === 'arm' ? '' : architecture;
  return { ...(known && { Architecture: known }), ...(os && { OS: os }) };
}

/** Docker's words where a registry does not tell. */
export function digestWarning(image: string): string {
  return `image ${image} could not be accessed on a registry to record\nits digest. Each node will access ${image} independently,\npossibly leading to different nodes running different\nversions of the image.\n`;
}
