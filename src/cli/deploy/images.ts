/** Image names as they are sent: tagged, and with the registry's digest and platforms where it was asked. */
import { isFixedImage } from '#model/image-reference';
import type { ServiceSpec } from '#model/object/service-spec';
import { ApiError, type Client } from '../client.ts';

/** When the registry is asked for a digest: at each deploy, when the file names another image, not at all. */
export type ResolveImage = 'always' | 'changed' | 'never';

export function isResolveImage(text: string): text is ResolveImage {
  return text === 'always' || text === 'changed' || text === 'never';
}

interface Distribution {
  Descriptor: { digest: string };
  Platforms?: readonly { architecture?: string; os?: string }[] | null;
}

/** The spec with digest and platforms of its image, or unchanged with a warning when the registry does not tell. */
export async function pinImage(client: Client, spec: ServiceSpec, auth: string | undefined): Promise<{ spec: ServiceSpec; warning: string | undefined }> {
  const task = spec.TaskTemplate;
  const image = task.ContainerSpec?.Image ?? '';
  const distribution = await ask(client, image, auth);
  if (!distribution) return { spec, warning: digestWarning(image) };
  const { digest } = distribution.Descriptor;
  const Platforms = (distribution.Platforms ?? []).map(platform);
  return {
    warning: undefined,
    spec: {
      ...spec,
      TaskTemplate: {
        ...task,
        ContainerSpec: { ...task.ContainerSpec, Image: isFixedImage(image) ? image : `${image}@${digest}` },
        ...(Platforms.length > 0 && { Placement: { ...task.Placement, Platforms } }),
      },
    },
  };
}

async function ask(client: Client, image: string, auth: string | undefined): Promise<Distribution | undefined> {
  try {
    return await client.get<Distribution>(`/distribution/${encodeURI(image)}/json`, {}, auth ? { 'X-Registry-Auth': auth } : {});
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** Nodes report arm with its variant, images without: no architecture is asked for then. */
function platform({ architecture = '', os = '' }: { architecture?: string; os?: string }): { Architecture?: string; OS?: string } {
  const known = architecture.toLowerCase() === 'arm' ? '' : architecture;
  return { ...(known && { Architecture: known }), ...(os && { OS: os }) };
}

function digestWarning(image: string): string {
  return `image ${image} could not be accessed on a registry to record\nits digest. Each node will access ${image} independently,\npossibly leading to different nodes running different\nversions of the image.\n`;
}
