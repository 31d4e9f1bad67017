/** `service update`: changes of a running service from flags. */
import type { Command } from 'commander';
import type { ServiceSpec } from '#model/object/service-spec';
import { addImageOptions, prepareService, type ImageFlags, type PreparedService } from '../../deploy/one-service.ts';
import { CommandError } from '../../command-error.ts';
import { openSession, type Session } from '../../session.ts';
import { changeService } from '../change.ts';
import { addServiceFlags, applyServiceFlags, words, type ServiceFlags } from './service-flags.ts';
import { addUpdateLists, withChanges, type ChangedLists } from './service-lists.ts';
import { networkAttachment } from './service-values.ts';
import { addWaitOptions, waitAndExit, type WaitFlags } from '../../progress/wait.ts';

type UpdateFlags = ServiceFlags & ChangedLists & WaitFlags & ImageFlags & { image?: string; args?: string; force?: boolean; rollback?: boolean };

export function addServiceUpdate(service: Command): void {
  const update = service
    .command('update')
    .description('change a service; what is not named stays as it is')
    .argument('<service>')
    .option('--image <image>', 'new image')
    .option('--args <arguments>', 'new arguments of the command')
    .option('--force', 'replace the tasks though nothing changes')
    .option('--rollback', 'go back to the previous spec');
  addWaitOptions(addImageOptions(addUpdateLists(addServiceFlags(update)))).action(updateService);
}

async function updateService(name: string, flags: UpdateFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const startedAt = Date.now();
  if (flags.rollback) refuseChangesBesideRollback(flags);
  const asked = { ...flags, ...(await withNetworkIds(session, flags)) };
  const prepare = (spec: ServiceSpec): Promise<PreparedService> =>
    prepareService(session, changed(spec, asked, session.environment), flags, flags.image !== undefined);
  const target = await changeService(session, name, prepare, flags.rollback ? { rollback: 'previous' } : {});
  session.terminal.out(name);
  if (flags.detach) return;
  await waitAndExit(session, [{ ...target, ...(flags.rollback && { asked: 'rollback' as const }) }], flags, startedAt);
}

function refuseChangesBesideRollback(flags: UpdateFlags): void {
  const besides = ['rollback', 'detach', 'quiet', 'json', 'timeout', 'resolveImage', 'withRegistryAuth'];
  if (Object.keys(flags).some((key) => !besides.includes(key))) throw new CommandError('other flags may not be combined with --rollback');
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

function changed(spec: ServiceSpec, flags: UpdateFlags, environment: Session['environment']): ServiceSpec {
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
