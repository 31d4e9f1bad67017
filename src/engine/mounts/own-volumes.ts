/** Volumes of a confined task: what is on the node already is its stack's, or somebody else's. */
import type Docker from 'dockerode';
import { namespaceLabel } from '#model/object/meta';
import type { Task } from '#model/object/task';
import type { StepOutcome } from '#task/step';
import { failed, refused, statusOf } from '../outcome.ts';

/** The refusal of the first volume that the task may not have; undefined: it may have them all. One that is not there is made with the container, and then carries the stack's label. */
export async function foreignVolume(docker: Docker, { Spec, Shoal }: Task): Promise<StepOutcome | undefined> {
  const { Confined: allowed, ServiceLabels } = Shoal;
  if (!allowed) return undefined;
  const stack = ServiceLabels[namespaceLabel];
  for (const { Type, Source = '' } of Spec.ContainerSpec?.Mounts ?? []) {
    if (Type !== 'volume' || Source === '' || allowed.includes(Source)) continue;
    try {
      const { Labels } = await docker.getVolume(Source).inspect();
      if (stack !== undefined && Labels?.[namespaceLabel] === stack) continue;
      return refused(
        `volume ${Source} is on this node already, and stack ${stack ?? ''} has not made it: if its repository is to have it, \`shoal repo update NAME --allow external=${Source}\``,
      );
    } catch (error) {
      if (statusOf(error) !== 404) return failed(error);
    }
  }
  return undefined;
}
