/** What `service create` and `service update` do to a spec before they send it. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Session } from '../session.ts';
import { withReferences } from './docker/references.ts';

export interface ImageFlags {
  resolveImage?: boolean;
  withRegistryAuth?: boolean;
}

export interface PreparedService {
  spec: ServiceSpec;
  headers: Record<string, string>;
  /** For stderr, when the daemon has taken the service. */
  warning: string | undefined;
}

export function addImageOptions(command: Command): Command {
  return command
    .option('--no-resolve-image', 'do not ask the registry for the digest')
    .option('--with-registry-auth', "give the nodes docker's credentials for the image");
}

/** The client asks for the digest of a new image, as docker's own does; towards Docker it refuses what only we can do, which a daemon of ours does itself. */
export async function prepareService({ client, environment }: Session, spec: ServiceSpec, flags: ImageFlags, newImage: boolean): Promise<PreparedService> {
  const ours = (await client.ping()).shoal !== undefined;
  const { body, told } = ours ? { body: spec, told: undefined } : await bodyForDocker(spec);
  const referenced = await withReferences(client, body);
  const image = referenced.TaskTemplate.ContainerSpec?.Image ?? '';
  const auth = flags.withRegistryAuth ? await (await import('./registry-auth.ts')).authReader(environment)(image) : undefined;
  const headers: Record<string, string> = auth === undefined ? {} : { 'X-Registry-Auth': auth };
  if (!newImage) return { spec: referenced, headers, warning: told };
  const [{ normalImage }, { pinImage }] = await Promise.all([import('#model/image/image-reference'), import('./images.ts')]);
  const container = { ...referenced.TaskTemplate.ContainerSpec, Image: normalImage(image) };
  const tagged = { ...referenced, TaskTemplate: { ...referenced.TaskTemplate, ContainerSpec: container } };
  if (flags.resolveImage === false) return { spec: tagged, headers, warning: told };
  const pinned = await pinImage(client, tagged, auth);
  const warnings = [told, pinned.warning].filter((text) => text !== undefined);
  return { spec: pinned.spec, headers, warning: warnings.length > 0 ? warnings.join('\n') : undefined };
}

/** Refuses what only we can do; hints that Docker has no word for are told. */
async function bodyForDocker(spec: ServiceSpec): Promise<{ body: ServiceSpec; told: string | undefined }> {
  const { leftOutText, serviceBody } = await import('#swarm/bodies');
  const { body, leftOut } = serviceBody(spec);
  return { body, told: leftOut.length > 0 ? leftOutText(spec.Name, leftOut) : undefined };
}
