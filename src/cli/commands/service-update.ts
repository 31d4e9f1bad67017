/** `service update`: changes of a running service from flags. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/service-spec';
import { addImageOptions, prepareService, type ImageFlags, type PreparedService } from '../deploy/one-service.ts';
import { openSession } from '../session.ts';
import { changeService } from './change.ts';
import { addServiceFlags, applyServiceFlags, type ServiceFlags } from './service-flags.ts';
import { addWaitOptions, waitAndExit, type WaitFlags } from '../progress/wait.ts';

interface UpdateFlags extends ServiceFlags, WaitFlags, ImageFlags {
  image?: string;
  args?: string;
  force?: boolean;
  rollback?: boolean;
}

export function addServiceUpdate(service: Command): void {
  const update = service
    .command('update')
    .description('change a service; lists such as --publish replace the old ones')
    .argument('<service>')
    .option('--image <image>', 'new image')
    .option('--args <arguments>', 'new arguments of the command')
    .option('--force', 'replace the tasks though nothing changes')
    .option('--rollback', 'go back to the previous spec');
  addWaitOptions(addImageOptions(addServiceFlags(update))).action(updateService);
}

async function updateService(name: string, flags: UpdateFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const startedAt = Date.now();
  const prepare = (spec: ServiceSpec): Promise<PreparedService> => prepareService(session, changed(spec, flags), flags, flags.image !== undefined);
  const before = await changeService(session, name, prepare, flags.rollback ? { rollback: 'previous' } : {});
  session.terminal.out(name);
  if (flags.detach) return;
  await waitAndExit(session, [{ ID: before.ID, Name: before.Spec.Name, ...(flags.rollback && { asked: 'rollback' as const }) }], flags, startedAt);
}

function changed(spec: ServiceSpec, flags: UpdateFlags): ServiceSpec {
  const next = applyServiceFlags(spec, flags);
  const task = next.TaskTemplate;
  return {
    ...next,
    TaskTemplate: {
      ...task,
      ContainerSpec: {
        ...task.ContainerSpec,
        ...(flags.image !== undefined && { Image: flags.image }),
        ...(flags.args !== undefined && { Args: flags.args.split(/\s+/).filter(Boolean) }),
      },
      ForceUpdate: (task.ForceUpdate ?? 0) + (flags.force ? 1 : 0),
    },
  };
}
