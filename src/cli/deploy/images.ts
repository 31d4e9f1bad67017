/** Image names as they are sent: tagged, and with the registry's digest and platforms where it was asked. */
import { digestWarning, withDigest, type Distribution, type ResolveImages } from '#model/image/image-pin';
import type { ServiceSpec } from '#model/object/service-spec';
import { ApiError, type Client } from '../client.ts';

export function isResolveImages(text: string): text is ResolveImages {
  return text === 'always' || text === 'changed' || text === 'never';
}

/** The spec with digest and platforms of its image, or unchanged with a warning when the registry does not tell. */
export async function pinImage(client: Client, spec: ServiceSpec, auth: string | undefined): Promise<{ spec: ServiceSpec; warning: string | undefined }> {
  const image = spec.TaskTemplate.ContainerSpec?.Image ?? '';
  const distribution = await ask(client, image, auth);
  return distribution ? { spec: withDigest(spec, distribution), warning: undefined } : { spec, warning: digestWarning(image) };
}

async function ask(client: Client, image: string, auth: string | undefined): Promise<Distribution | undefined> {
  try {
    return await client.get<Distribution>(`/distribution/${encodeURI(image)}/json`, {}, auth ? { 'X-Registry-Auth': auth } : {});
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
