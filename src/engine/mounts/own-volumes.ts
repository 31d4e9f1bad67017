/** Volumes of a confined task: what is on the node already is its stack's, or somebody else's. */
import type Docker from 'dockerode';
import { timeOf } from '#base/clock';
import { namespaceLabel } from '#model/object/meta';
import type { Task } from '#model/object/task';
import type { StepOutcome } from '#task/step';
import { failed, refused, statusOf } from '../outcome.ts';

/** A node's clock may be behind that of whoever leads. */
const clockRoomMs = 10 * 60_000;

/** The refusal of the first volume that the task may not have; undefined: it may have them all. One that is not there is made with the container, and then carries the stack's label. */
export async function foreignVolume(docker: Docker, { Spec, Shoal }: Task): Promise<StepOutcome | undefined> {
  const { Confined: allowed, ConfinedSince, ServiceLabels } = Shoal;
  if (!allowed) return undefined;
  const stack = ServiceLabels[namespaceLabel];
  for (const { Type, Source = '' } of Spec.ContainerSpec?.Mounts ?? []) {
    if (Type !== 'volume' || Source === '' || allowed.includes(Source)) continue;
    try {
      const { Labels, ...volume } = await docker.getVolume(Source).inspect();
      const isOlder = ConfinedSince !== undefined && 'CreatedAt' in volume && timeOf(String(volume.CreatedAt)) < timeOf(ConfinedSince) - clockRoomMs;
      const isNamed = stack !== undefined && Labels?.[namespaceLabel] === stack;
      if (isNamed && !isOlder) continue;
      const why = isNamed
        ? `is older than stack ${stack}: another one of its name made it`
        : `is on this node already, and stack ${stack ?? ''} has not made it`;
      return refused(`volume ${Source} ${why}: if its repository is to have it, \`shoal repo update NAME --allow external=${Source}\``);
    } catch (error) {
      if (statusOf(error) !== 404) return failed(error);
    }
  }
  return undefined;
}
