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
    .option('--no-resolve-image', 'do not ask the registry for the digest; only towards Docker')
    .option('--with-registry-auth', "give the nodes docker's credentials for the image");
}

/** Towards Docker the client asks for the digest of a new image, and refuses what only we can do; a daemon of ours does both itself. */
export async function prepareService({ client, environment }: Session, spec: ServiceSpec, flags: ImageFlags, newImage: boolean): Promise<PreparedService> {
  const ours = (await client.ping()).shoal !== undefined;
  const referenced = await withReferences(client, ours ? spec : (await import('#swarm/bodies')).serviceBody(spec).body);
  const image = referenced.TaskTemplate.ContainerSpec?.Image ?? '';
  const auth = flags.withRegistryAuth ? await (await import('./registry-auth.ts')).authReader(environment)(image) : undefined;
  const headers: Record<string, string> = auth === undefined ? {} : { 'X-Registry-Auth': auth };
  if (ours || !newImage) return { spec: referenced, headers, warning: undefined };
  const [{ normalImage }, { pinImage }] = await Promise.all([import('#model/image-reference'), import('./images.ts')]);
  const container = { ...referenced.TaskTemplate.ContainerSpec, Image: normalImage(image) };
  const tagged = { ...referenced, TaskTemplate: { ...referenced.TaskTemplate, ContainerSpec: container } };
  if (flags.resolveImage === false) return { spec: tagged, headers, warning: undefined };
  return { ...(await pinImage(client, tagged, auth)), headers };
}
