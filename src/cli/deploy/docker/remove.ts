/** Removal of what carries a stack's label, in docker's order and words. */
import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '#base/text/printable';
import { compareTexts } from '#base/text/text';
import { namespaceLabel } from '#model/object/meta';
import type { Secret } from '#model/object/secret';
import type { Service } from '#model/object/service';
import type { OwnedKind } from '#model/object/stack';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { removeObject } from '#swarm/requests';
import { ApiError, filters } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import type { Session } from '../../session.ts';

/** By name. Says which could not be removed and answers whether there was one. */
export async function removeServices(session: Session, services: readonly Service[]): Promise<boolean> {
  const sorted = [...services].sort((a, b) => compareTexts(a.Spec.Name, b.Spec.Name));
  return removeObjects(
    session,
    'service',
    sorted.map(({ ID, Spec }) => ({ ID, Name: Spec.Name })),
  );
}

/** Something that has gone meanwhile is as good as removed. */
async function removeObjects({ client, terminal }: Session, kind: OwnedKind, objects: readonly { ID: string; Name: string }[]): Promise<boolean> {
  let failed = false;
  for (const { ID, Name } of objects) {
    terminal.out(`Removing ${kind} ${Name}`);
    try {
      await removeObject(client, kind, ID);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) continue;
      terminal.raw(printable(`Failed to remove ${kind} ${ID}: ${error.message}`), 'stderr');
      failed = true;
    }
  }
  return failed;
}

const lookEveryMs = 200;

/** Until no task of the stack is left that has not ended. */
export async function waitUntilGone({ client }: Session, stack: string): Promise<void> {
  for (;;) {
    const tasks = await client.get<Task[]>('/tasks', filters({ label: [`${namespaceLabel}=${stack}`] }));
    if (tasks.every((task) => isTerminal(task.Status.State))) return;
    await sleep(lookEveryMs);
  }
}

/** Removes a stack of a Docker Swarm. Throws CommandError when something stays. */
export async function removeStackByLabel(session: Session, stack: string): Promise<void> {
  const { client, terminal } = session;
  const filter = filters({ label: [`${namespaceLabel}=${stack}`] });
  const services = await client.get<Service[]>('/services', filter);
  const networks = await client.get<{ Id: string; Name: string }[]>('/networks', filter);
  const secrets = await client.get<Secret[]>('/secrets', filter);
  const configs = await client.get<Secret[]>('/configs', filter);
  if (services.length + networks.length + secrets.length + configs.length === 0) {
    terminal.error(`Nothing found in stack: ${stack}`);
    return;
  }
  const named = ({ ID, Spec }: Secret): { ID: string; Name: string } => ({ ID, Name: Spec.Name });
  const failures = [
    await removeServices(session, services),
    await removeObjects(session, 'secret', secrets.map(named)),
    await removeObjects(session, 'config', configs.map(named)),
    await removeObjects(
      session,
      'network',
      networks.map(({ Id, Name }) => ({ ID: Id, Name })),
    ),
  ];
  if (failures.includes(true)) throw new CommandError(`failed to remove some resources from stack: ${stack}`);
}
