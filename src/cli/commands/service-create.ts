/** `service create`: one service from flags. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/service-spec';
import { openSession } from '../session.ts';
import { addServiceFlags, applyServiceFlags, type ServiceFlags } from './service-flags.ts';
import { addWaitOptions, waitAndExit, type WaitFlags } from '../progress/wait.ts';

export function addServiceCreate(service: Command): void {
  const create = service
    .command('create')
    .description('create a service')
    .argument('<image>')
    .argument('[command...]', 'command and arguments instead of the image’s')
    .passThroughOptions()
    .option('--name <name>', 'name of the service')
    .option('--mode <mode>', 'replicated, global, replicated-job or global-job');
  addWaitOptions(addServiceFlags(create)).action(createService);
}

async function createService(image: string, args: readonly string[], flags: ServiceFlags & WaitFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const base: ServiceSpec = {
    Name: flags.name ?? '',
    TaskTemplate: { ContainerSpec: { Image: image, ...(args.length > 0 && { Args: args }) } },
    Mode: { Replicated: { Replicas: 1 } },
  };
  const spec = applyServiceFlags(base, flags);
  const startedAt = Date.now();
  const { ID } = await session.client.post<{ ID: string }>('/services/create', spec);
  session.terminal.out(ID);
  if (!flags.detach) await waitAndExit(session, [{ ID, Name: flags.name ?? ID }], flags, startedAt);
}
