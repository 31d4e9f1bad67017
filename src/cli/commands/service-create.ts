/** `service create`: one service from flags. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/service-spec';
import { addImageOptions, prepareService, type ImageFlags } from '../deploy/one-service.ts';
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
  addWaitOptions(addImageOptions(addServiceFlags(create))).action(createService);
}

async function createService(image: string, args: readonly string[], flags: ServiceFlags & WaitFlags & ImageFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const base: ServiceSpec = {
    Name: flags.name ?? '',
    TaskTemplate: { ContainerSpec: { Image: image, ...(args.length > 0 && { Args: args }) } },
    Mode: { Replicated: { Replicas: 1 } },
  };
  const spec = applyServiceFlags(base, flags);
  const startedAt = Date.now();
  const { spec: prepared, headers, warning } = await prepareService(session, spec, flags, true);
  const { ID } = await session.client.post<{ ID: string }>('/services/create', prepared, { headers });
  if (warning !== undefined) session.terminal.error(warning);
  session.terminal.out(ID);
  if (!flags.detach) await waitAndExit(session, [{ ID, Name: flags.name ?? ID }], flags, startedAt);
}
