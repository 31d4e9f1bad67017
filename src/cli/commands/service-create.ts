/** `service create`: one service from flags. */
import type { Command } from 'commander';
import type { ServiceMode, ServiceSpec } from '#model/service-spec';
import { openSession } from '../session.ts';
import { addServiceFlags, applyServiceFlags, type ServiceFlags } from './service-flags.ts';
import { addCreateLists, withLists, type AddedLists } from './service-lists.ts';
import { registryAuthHeader } from './registry-auth.ts';
import { usage } from './service-values.ts';
import { addWaitOptions, isDetached, waitAndExit, type WaitFlags } from './wait.ts';

type CreateFlags = ServiceFlags & AddedLists & WaitFlags & { name?: string; mode?: string; withRegistryAuth?: boolean };

export function addServiceCreate(service: Command): void {
  const create = service
    .command('create')
    .description('create a service')
    .argument('<image>')
    .argument('[command...]', 'command and arguments instead of the image’s')
    .passThroughOptions()
    .option('--name <name>', 'name of the service')
    .option('--mode <mode>', 'replicated, global, replicated-job or global-job', 'replicated')
    .option('--with-registry-auth', "send the login of the image's registry to the nodes")
    .option('--no-resolve-image', "the image's digest is never looked up; for scripts of docker's users");
  addWaitOptions(addCreateLists(addServiceFlags(create))).action(createService);
}

async function createService(image: string, args: readonly string[], flags: CreateFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const spec = newSpec(image, args, flags, session.environment);
  const headers = flags.withRegistryAuth ? registryAuthHeader(image, session.environment) : {};
  const detached = isDetached(flags);
  const startedAt = Date.now();
  const { ID } = await session.client.post<{ ID: string }>('/services/create', spec, { headers });
  session.terminal.out(ID);
  if (!detached) await waitAndExit(session, [{ ID, Name: flags.name ?? ID }], flags, startedAt);
}

/** The spec that the flags say, with what docker's client says by itself. */
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
