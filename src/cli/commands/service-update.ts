/** `service update`: changes of a running service from flags. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/service-spec';
import { CommandError } from '../command-error.ts';
import { openSession, type Session } from '../session.ts';
import { changeService } from './change.ts';
import { registryAuthHeader } from './registry-auth.ts';
import { addServiceFlags, applyServiceFlags, words, type ServiceFlags } from './service-flags.ts';
import { addUpdateLists, withChanges, type ChangedLists } from './service-lists.ts';
import { networkAttachment } from './service-values.ts';
import { addWaitOptions, isDetached, waitAndExit, type WaitFlags } from './wait.ts';

type UpdateFlags = ServiceFlags & ChangedLists & WaitFlags & { image?: string; args?: string; force?: boolean; rollback?: boolean; withRegistryAuth?: boolean };

export function addServiceUpdate(service: Command): void {
  const update = service
    .command('update')
    .description('change a service; what is not named stays as it is')
    .argument('<service>')
    .option('--image <image>', 'new image')
    .option('--args <arguments>', 'new arguments of the command')
    .option('--force', 'replace the tasks though nothing changes')
    .option('--rollback', 'go back to the previous spec')
    .option('--with-registry-auth', "send the login of the image's registry to the nodes")
    .option('--no-resolve-image', "the image's digest is never looked up; for scripts of docker's users");
  addWaitOptions(addUpdateLists(addServiceFlags(update))).action(updateService);
}

async function updateService(name: string, flags: UpdateFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const detached = isDetached(flags);
  const startedAt = Date.now();
  if (flags.rollback) refuseChangesBesideRollback(flags);
  const lists = await withNetworkIds(session, flags);
  const headers = flags.withRegistryAuth
    ? (spec: ServiceSpec) => registryAuthHeader(spec.TaskTemplate.ContainerSpec?.Image ?? '', session.environment)
    : undefined;
  const change = (spec: ServiceSpec): ServiceSpec => changed(spec, { ...flags, ...lists }, session.environment);
  const before = await changeService(session, name, change, flags.rollback ? { rollback: 'previous' } : {}, headers);
  session.terminal.out(name);
  if (detached) return;
  await waitAndExit(session, [{ ID: before.ID, Name: before.Spec.Name, ...(flags.rollback && { asked: 'rollback' as const }) }], flags, startedAt);
}

function refuseChangesBesideRollback(flags: UpdateFlags): void {
  const besides = ['rollback', 'detach', 'quiet', 'json', 'timeout', 'resolveImage', 'withRegistryAuth', 'host', 'context'];
  const other = Object.keys(flags).find((key) => !besides.includes(key));
  if (other !== undefined) throw new CommandError('other flags may not be combined with --rollback');
}

/** Specs name networks by id, people by name. */
async function withNetworkIds({ client }: Session, { networkAdd, networkRm }: ChangedLists): Promise<ChangedLists> {
  const idOf = async (name: string): Promise<string> => (await client.get<{ Id: string }>(`/networks/${encodeURIComponent(name)}`, { scope: 'swarm' })).Id;
  const added = networkAdd && (await Promise.all(networkAdd.map(async (text) => replaced(text, await idOf(networkAttachment(text).Target ?? '')))));
  const removed = networkRm && (await Promise.all(networkRm.map(idOf)));
  return { ...(added && { networkAdd: added }), ...(removed && { networkRm: removed }) };
}

function replaced(text: string, id: string): string {
  return text.includes('=') ? text.replace(/(^|,)name=[^,]*/i, `$1name=${id}`) : id;
}

/** `spec` as the flags change it. */
export function changed(spec: ServiceSpec, flags: UpdateFlags, environment: Readonly<Record<string, string | undefined>>): ServiceSpec {
  const next = withChanges(applyServiceFlags(spec, flags), flags, environment);
  const task = next.TaskTemplate;
  return {
    ...next,
    TaskTemplate: {
      ...task,
      ContainerSpec: {
        ...task.ContainerSpec,
        ...(flags.image !== undefined && { Image: flags.image }),
        ...(flags.args !== undefined && { Args: words(flags.args) }),
      },
      ForceUpdate: (task.ForceUpdate ?? 0) + (flags.force ? 1 : 0),
    },
  };
}
