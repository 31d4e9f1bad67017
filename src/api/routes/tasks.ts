/** Routes of tasks, their logs apart. */
import { mapped } from '../answer.ts';
import { findObject } from '#control/find';
import type { Task } from '#model/object/task';
import { taskName } from '#model/object/task';
import { isUpToDate } from '#model/task-fulfils';
import { isTerminal, taskStates } from '#model/object/task-state';
import { clashesOf, saidClashes } from '#model/health/clashes';
import { readView, type Context } from '../context.ts';
import type { View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { anyOf, byLabels, byPrefix, readFiltersAtManager, type Filters } from '../request/filters.ts';
import { shownTask } from '../view/redact.ts';
import { get, parameter, type Route } from '../router.ts';

const filterKeys = ['_up-to-date', 'desired-state', 'id', 'label', 'name', 'node', 'runtime', 'service'];

export function taskRoutes(context: Context): Route[] {
  return [
    get('/tasks', async (call) => {
      const filters = readFiltersAtManager(call, filterKeys, context.swarm.status());
      const view = await readView(context);
      return { status: 200, list: listTasks(view, filters, context.swarm.status().NodeID) };
    }),
    get('/tasks/{}', async (call) => {
      const view = await readView(context);
      return { status: 200, json: shownTask(view, findObject(view, 'task', parameter(call))) };
    }),
  ];
}

function listTasks(view: View, filters: Filters, ownNodeId: string): Iterable<object | undefined> {
  for (const state of filters.get('desired-state') ?? []) {
    if (!taskStates.some((known) => known === state.toLowerCase())) throw new HttpError(500, `Invalid desired-state filter: '${state}'`);
  }
  const services = filters.get('service')?.map((ref) => findObject(view, 'service', ref).ID);
  const nodes = filters.get('node')?.map((ref) => findObject(view, 'node', ref === 'self' ? ownNodeId : ref).ID);
  const wanted = (task: Task): boolean =>
    // What stands for a container of somebody's is shown to nobody, as Docker has it.
    !task.Shoal.Attachment && (!services || services.includes(task.ServiceID)) && (!nodes || nodes.includes(task.NodeID)) && passes(view, filters, task);
  const clashes = portClashes(view);
  // Taken now: the list is of one moment, however long it takes to go out.
  return mapped([...scanned(view, services, nodes)], (task) => (wanted(task) ? shownTask(view, withClash(task, clashes)) : undefined));
}

/** One service is what progress displays ask for, five times a second, and one node what `node ps` does: their indexes spare the scan. */
function scanned(view: View, services: readonly string[] | undefined, nodes: readonly string[] | undefined): Iterable<Task> {
  const [[service, ...otherServices], [node, ...otherNodes]] = [services ?? [], nodes ?? []];
  if (service !== undefined && otherServices.length === 0) return view.tasksOfService(service);
  return node !== undefined && otherNodes.length === 0 ? view.tasksOfNode(node) : view.list('task');
}

function passes(view: View, filters: Filters, task: Task): boolean {
  return (
    byPrefix(filters, 'id', task.ID) &&
    byPrefix(filters, 'name', taskName(task)) &&
    // Docker looks at the service's labels here: that is how `stack ps` finds its tasks.
    byLabels(filters, 'label', task.Shoal.ServiceLabels) &&
    anyOf(filters, 'desired-state', (state) => state.toLowerCase() === task.DesiredState) &&
    anyOf(filters, 'runtime', (runtime) => runtime === (task.Spec.Runtime || 'container')) &&
    anyOf(filters, '_up-to-date', (value) => !['true', '1'].includes(value.toLowerCase()) || isCurrent(view, task))
  );
}

function isCurrent(view: View, task: Task): boolean {
  const service = view.get('service', task.ServiceID);
  return service !== undefined && isUpToDate(service, task, view.get('node', task.NodeID));
}

/** By service what its published ports meet on some node. */
function portClashes(view: View): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const said = saidClashes(view.list('node'));
  for (const name of said.keys()) {
    const service = view.byName('service', name);
    const [first] = service ? clashesOf(name, view.tasksOfService(service.ID), said) : [];
    if (first) found.set(name, first.text);
  }
  return found;
}

/** A task that runs says why not all clients reach it. */
function withClash(task: Task, clashes: ReadonlyMap<string, string>): Task {
  const Err = clashes.size === 0 ? undefined : clashes.get(task.Shoal.ServiceName);
  return Err === undefined || task.Status.Err || isTerminal(task.Status.State) ? task : { ...task, Status: { ...task.Status, Err } };
}
