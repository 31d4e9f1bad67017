/** A stage in which services run at once, but for those that never will. */
import type { Service } from '#model/object/service';
import { create, remove, update, type Action } from '#store/action';
import type { Stage } from '#store/stage';
import { runningTask } from './api-fixture.ts';

const imageOf = (service: Service): string => service.Spec.TaskTemplate.ContainerSpec?.Image ?? '';

/** Every service runs at once, and has for a minute; of images called `bad` the update stops, of those called `slow` nothing comes. */
export const instantly: Stage = (view, context) => {
  const { scope } = context;
  const actions: Action[] = [];
  for (const task of scope === 'all' ? view.list('task') : [...scope.services].flatMap((id) => [...view.tasksOfService(id)])) {
    const service = view.get('service', task.ServiceID);
    if (task.Shoal.SpecVersion !== service?.Shoal.SpecVersion) actions.push(remove('task', task.ID));
  }
  for (const service of scope === 'all' ? view.list('service') : [...scope.services].flatMap((id) => view.get('service', id) ?? [])) {
    if (imageOf(service).startsWith('bad')) {
      const UpdateStatus = { State: 'paused', Message: 'update paused due to failure' } as const;
      if (!service.UpdateStatus) actions.push(update('service', { ...service, UpdateStatus }));
      continue;
    }
    // Of images called `slow` nothing ever runs.
    if (imageOf(service).startsWith('slow')) continue;
    const there = [...view.tasksOfService(service.ID)].some((task) => task.Shoal.SpecVersion === service.Shoal.SpecVersion);
    if (!there) actions.push(create('task', runningTask(service, { id: context.newId(), slot: 1, nodeId: 'node-one', now: context.now - 60_000 })));
  }
  return { actions };
};
