/** The two sides of a plan: the stack as it runs, and as Docker's own loader reads the files. */
import { loadStack } from '#compose/load';
import { normalImage } from '#model/image/image-reference';
import type { Secret } from '#model/object/secret';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import type { Client } from '../client.ts';
import { CommandError } from '../command-error.ts';
import { readStackFiles, surroundings } from '../deploy/stack-files.ts';
import type { LoadFlags } from '../deploy/flags.ts';
import { checkReadable } from '../deploy/notices.ts';
import { stackFilter } from '../deploy/docker/sequence.ts';
import type { Session } from '../session.ts';
import type { StackState } from './compare.ts';

/** Everything that carries the stack's label; networks in services by name. */
export async function liveState(client: Client, stack: string): Promise<StackState> {
  const filter = stackFilter(stack);
  const [services, networks, secrets, configs] = await Promise.all([
    client.get<Service[]>('/services', filter),
    client.get<{ Id: string; Name: string }[]>('/networks'),
    client.get<Secret[]>('/secrets', filter),
    client.get<Secret[]>('/configs', filter),
  ]);
  const own = await client.get<{ Name: string }[]>('/networks', filter);
  const names = new Map(networks.map(({ Id, Name }) => [Id, Name]));
  return {
    services: services.map(({ Spec }) => withNetworkNames(Spec, names)),
    networks: own.map(({ Name }) => ({ Name })),
    secrets: secrets.map(({ Spec: { Name, Labels = {} } }) => ({ Name, Labels })),
    configs: configs.map(({ Spec: { Name, Labels = {}, Data = '' } }) => ({ Name, Labels, Data })),
  };
}

function withNetworkNames(spec: ServiceSpec, names: ReadonlyMap<string, string>): ServiceSpec {
  const Networks = spec.TaskTemplate.Networks?.map((network) => ({ ...network, Target: names.get(network.Target ?? '') ?? network.Target ?? '' }));
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ...(Networks && { Networks }) } };
}

/** Images as they would be sent. Throws CommandError with Docker's text. */
export function strictStack({ environment }: Session, name: string, flags: LoadFlags): StackSpec {
  if (!flags.composeFile) throw new CommandError('Specify a Compose file (with --compose-file)');
  const { files, directory } = readStackFiles(flags.composeFile, checkReadable);
  const { stack, diagnostics } = loadStack({ mode: 'strict', stack: name, files, directory, ...surroundings(environment), rotate: false });
  if (!stack) throw new CommandError(diagnostics.find(({ severity }) => severity === 'error')?.message ?? 'the files are refused');
  return { ...stack, Services: stack.Services.map(tagged) };
}

function tagged(spec: ServiceSpec): ServiceSpec {
  const container = spec.TaskTemplate.ContainerSpec ?? {};
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...container, Image: normalImage(container.Image ?? '') } } };
}
