/** Volumes that are on a node before their task: whose they are, where the task is confined, and whether they are what its mounts ask for. */
import type Docker from 'dockerode';
import { timeOf } from '#base/clock';
import { own } from '#base/text/own';
import { namespaceLabel } from '#model/object/meta';
import type { Mount } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { StepOutcome } from '#task/step';
import { failed, refused, statusOf } from '../outcome.ts';

/** A node's clock may be behind that of whoever leads. */
const clockRoomMs = 10 * 60_000;

/** What the engine says of a volume. */
interface Found {
  Driver?: string;
  /** Those that it was made with; null: none, or the engine did not make it. */
  Options?: Readonly<Record<string, string>> | null;
  Labels?: Readonly<Record<string, string>> | null;
  CreatedAt?: string;
}

/** The refusal of the first volume that the task may not have, or not as it is; undefined: it may have them all. One that is not there is made with the container, as the mount says. */
export async function unfitVolume(docker: Docker, task: Task): Promise<StepOutcome | undefined> {
  const stack = task.Shoal.ServiceLabels[namespaceLabel];
  for (const mount of task.Spec.ContainerSpec?.Mounts ?? []) {
    const { Type, Source = '', VolumeOptions } = mount;
    if (Type !== 'volume' || Source === '') continue;
    const isConfined = task.Shoal.Confined !== undefined && !task.Shoal.Confined.includes(Source);
    if (!isConfined && !VolumeOptions) continue;
    try {
      const volume: Found = await docker.getVolume(Source).inspect();
      const isNamed = stack !== undefined && volume.Labels?.[namespaceLabel] === stack;
      const why = isConfined ? foreign(volume, isNamed, stack, task.Shoal.ConfinedSince) : undefined;
      if (why !== undefined) return refused(`volume ${Source} ${why}: if its repository is to have it, \`shoal repo update NAME --allow external=${Source}\``);
      const apart = otherThan(mount, volume, isNamed);
      if (apart !== undefined)
        return refused(
          `volume ${Source} is on this node with ${apart}, and stays as it is: remove it there (\`docker volume rm ${Source}\`), or give this one another name`,
        );
    } catch (error) {
      if (statusOf(error) !== 404) return failed(error);
    }
  }
  return undefined;
}

function foreign({ CreatedAt }: Found, isNamed: boolean, stack = '', since?: string): string | undefined {
  if (!isNamed) return `is on this node already, and stack ${stack} has not made it`;
  const isOlder = since !== undefined && CreatedAt !== undefined && timeOf(CreatedAt) < timeOf(since) - clockRoomMs;
  return isOlder ? `is older than stack ${stack}: another one of its name made it` : undefined;
}

/** Where it is not what the mount asks for; names alone, since options carry passwords. A mount that asks for nothing has what somebody made by hand, but for one that its own stack makes and has made. */
function otherThan({ VolumeOptions }: Mount, volume: Found, isNamed: boolean): string | undefined {
  const { Labels, DriverConfig: { Name: driver = '', Options: asked = {} } = {} } = VolumeOptions ?? {};
  const present = tagless(volume.Driver ?? '');
  if (driver !== '' && tagless(driver) !== present) return `another driver (${present})`;
  const options = volume.Options ?? {};
  const isDeclared = Object.keys(asked).length > 0 || (isNamed && own(Labels, namespaceLabel) !== undefined);
  if (!isDeclared) return undefined;
  // A plugin may add some, and of one that another node made the engine knows none.
  const names =
    present === 'local' ? new Set([...Object.keys(asked), ...Object.keys(options)]) : Object.keys(asked).filter((name) => Object.hasOwn(options, name));
  const apart = [...names].filter((name) => own(asked, name) !== own(options, name)).toSorted();
  return apart.length > 0 ? `other options (${apart.join(', ')})` : undefined;
}

/** A plugin is known with its tag and without. */
function tagless(driver: string): string {
  return driver.replace(/:latest$/, '');
}
