/** `service create`: one service from flags. */
import type { Command } from 'commander';
import type { ServiceMode, ServiceSpec } from '#model/object/service-spec';
import { addImageOptions, prepareService, type ImageFlags } from '../../deploy/one-service.ts';
import { openSession } from '../../session.ts';
import { addServiceFlags, applyServiceFlags, type ServiceFlags } from './service-flags.ts';
import { addCreateLists, withLists, type AddedLists } from './service-lists.ts';
import { usage } from './service-values.ts';
import { addWaitOptions, waitAndExit, type WaitFlags } from '../../progress/wait.ts';

type CreateFlags = ServiceFlags & AddedLists & WaitFlags & ImageFlags & { name?: string; mode?: string };

export function addServiceCreate(service: Command): void {
  const create = service
    .command('create')
    .description('create a service')
    .argument('<image>')
    .argument('[command...]', 'command and arguments instead of the image’s')
    .passThroughOptions()
    .option('--name <name>', 'name of the service')
    .option('--mode <mode>', 'replicated, global, replicated-job or global-job', 'replicated');
  addWaitOptions(addImageOptions(addCreateLists(addServiceFlags(create)))).action(createService);
}

async function createService(image: string, args: readonly string[], flags: CreateFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const spec = newSpec(image, args, flags, session.environment);
  const startedAt = Date.now();
  const { spec: prepared, headers, warning } = await prepareService(session, spec, flags, true);
  const { ID, Shoal } = await session.client.post<{ ID: string; Shoal?: { SpecVersion: number } }>('/services/create', prepared, { headers });
  if (warning !== undefined) session.terminal.error(warning);
  session.terminal.out(ID);
  if (!flags.detach) await waitAndExit(session, [{ ID, Name: flags.name ?? ID, ...(Shoal && { SpecVersion: Shoal.SpecVersion }) }], flags, startedAt);
}

/**
 * The spec that the flags say. `environment` is the shell's, for `--env NAME`.
 * @internal
 */
export function newSpec(image: string, args: readonly string[], flags: CreateFlags, environment: Readonly<Record<string, string | undefined>>): ServiceSpec {
  const base: ServiceSpec = {
    Name: flags.name ?? '',
    TaskTemplate: { ContainerSpec: { Image: image, ...(args.length > 0 && { Args: args }) } },
    Mode: modeNamed(flags.mode ?? 'replicated', flags),
  };
  return withLists(applyServiceFlags(base, flags), flags, environment);
}

function modeNamed(mode: string, { replicas }: ServiceFlags): ServiceMode {
  if (mode === 'replicated') return { Replicated: { Replicas: 1 } };
  if (mode === 'replicated-job') return replicas === undefined ? { ReplicatedJob: { TotalCompletions: 1, MaxConcurrent: 1 } } : { ReplicatedJob: {} };
  if (mode === 'global') return { Global: {} };
  if (mode === 'global-job') return { GlobalJob: {} };
  throw usage(`Unknown mode: ${mode}, only replicated and global supported`);
}
