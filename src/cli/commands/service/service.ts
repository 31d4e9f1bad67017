/** `service ls|ps|inspect|scale|rm|rollback`, and the place where create, update and logs hang. */
import type { Command } from 'commander';
import { modeOf, type Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { filters } from '../../client.ts';
import { CommandError, exitCodes } from '../../command-error.ts';
import { prettyService } from '../../output/service-pretty.ts';
import { collect, filterMap, openSession } from '../../session.ts';
import { changeService, removeEach } from '../change.ts';
import { inspectObjects } from '../inspect.ts';
import { addServiceCreate } from './service-create.ts';
import { addServiceLogs } from './service-logs.ts';
import { addServiceUpdate } from './service-update.ts';
import { serviceLines, type ListedService } from './services-list.ts';
import { addTaskOptions, taskLines, type TaskFlags } from '../tasks.ts';
import { addWaitOptions, waitAndExit, type WaitFlags } from '../../progress/wait.ts';
import type { WaitTarget } from '../../progress/watch.ts';

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
}

export function addService(program: Command): void {
  const service = program.command('service').description('manage services').enablePositionalOptions();
  addServiceCreate(service);
  addServiceUpdate(service);
  addServiceLogs(service);
  service
    .command('ls')
    .alias('list')
    .description('list services')
    .option('-f, --filter <filter>', 'id=, name=, label=, mode=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .action(listServices);
  addTaskOptions(
    service.command('ps').description('list the tasks of services, with their history').argument('<service...>'),
    'desired-state=, id=, name=, node=',
  ).action(listTasks);
  service
    .command('inspect')
    .description('show services in full')
    .argument('<service...>')
    .option('-f, --format <template>', 'a template')
    .option('--pretty', 'for people to read')
    .action(inspectServices);
  addWaitOptions(service.command('scale').description('set the number of replicas').argument('<service=replicas...>')).action(scale);
  addWaitOptions(service.command('rollback').description('go back to the previous spec').argument('<service>')).action(rollback);
  service.command('rm').alias('remove').description('remove services').argument('<service...>').action(removeServices);
}

async function listServices(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const services = await client.get<ListedService[]>('/services', { ...filters(filterMap(flags.filter)), status: 'true' });
  for (const line of await serviceLines(services, flags)) terminal.out(line);
}

async function inspectServices(names: readonly string[], flags: ListFlags & { pretty?: boolean }, command: Command): Promise<void> {
  const session = openSession(command);
  const pretty = flags.pretty === true || flags.format === 'pretty';
  if (pretty && flags.format !== undefined && flags.format !== 'pretty') throw new CommandError('--format is incompatible with human friendly format');
  const networks = pretty ? await session.client.get<{ Id: string; Name: string }[]>('/networks') : [];
  const nameOf = (id: string): string => networks.find((network) => network.Id === id)?.Name ?? id;
  await inspectObjects(
    session,
    names,
    flags.format,
    'service',
    (name) => [`/services/${encodeURIComponent(name)}`, { insertDefaults: 'true' }],
    pretty ? (service) => prettyService(service as Service, nameOf, Date.now()) : undefined,
  );
}

async function listTasks(names: readonly string[], flags: TaskFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const services = await Promise.all(names.map((name) => client.find<Service>(`/services/${encodeURIComponent(name)}`)));
  const ids = services.flatMap((service) => (service ? [service.ID] : []));
  if (ids.length > 0) {
    const tasks = await client.get<Task[]>('/tasks', filters({ ...filterMap(flags.filter), service: ids }));
    for (const line of await taskLines(client, tasks, flags)) terminal.out(line);
  }
  const missing = names.filter((_, index) => services[index] === undefined);
  if (missing.length > 0) throw new CommandError(missing.map((name) => `no such service: ${name}`).join('\n'));
}

async function scale(pairs: readonly string[], flags: WaitFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const wanted = pairs.map(parseScale);
  const startedAt = Date.now();
  const scaled: WaitTarget[] = [];
  for (const { name, replicas } of wanted) {
    try {
      scaled.push(await changeService(session, name, (spec) => ({ spec: withReplicas(spec, replicas, name) })));
      session.terminal.out(`${name} scaled to ${replicas}`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      session.terminal.error(error.message);
    }
  }
  const ends = scaled.length < wanted.length ? exitCodes.refused : exitCodes.converged;
  process.exitCode = ends;
  if (scaled.length > 0 && !flags.detach) await waitAndExit(session, scaled, flags, startedAt, ends);
}

function parseScale(pair: string): { name: string; replicas: number } {
  const match = /^(.+)=(\d+)$/.exec(pair);
  if (!match) throw new CommandError(`invalid scale specifier "${pair}": write SERVICE=REPLICAS`, exitCodes.usage);
  return { name: match[1] ?? '', replicas: Number(match[2]) };
}

function withReplicas(spec: ServiceSpec, replicas: number, name: string): ServiceSpec {
  const mode = modeOf(spec);
  if (mode === 'replicated') return { ...spec, Mode: { Replicated: { Replicas: replicas } } };
  if (mode === 'replicated-job') return { ...spec, Mode: { ReplicatedJob: { ...spec.Mode?.ReplicatedJob, TotalCompletions: replicas } } };
  throw new CommandError(`${name}: scale can only be used with replicated or replicated-job mode`);
}

async function rollback(name: string, flags: WaitFlags, command: Command): Promise<void> {
  const session = openSession(command);
  const startedAt = Date.now();
  const target = await changeService(session, name, (spec) => ({ spec }), { rollback: 'previous' });
  session.terminal.out(name);
  if (!flags.detach) await waitAndExit(session, [{ ...target, asked: 'rollback' }], flags, startedAt);
}

async function removeServices(names: readonly string[], _flags: object, command: Command): Promise<void> {
  await removeEach(openSession(command), names, (name) => `/services/${encodeURIComponent(name)}`);
}
