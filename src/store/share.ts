/** Objects come out of the log one by one; what they have in common is kept once, which saves memory and makes comparing cheap. */
import type { Kind, ObjectOf } from '#model/object/object';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';

/** `object`, with its spec the very one of the version before or of its service where they are alike. */
export function share<K extends Kind>(
  kind: K,
  object: ObjectOf[K],
  previous: ObjectOf[K] | undefined,
  service: (id: string) => Service | undefined,
): ObjectOf[K] {
  if (kind === 'task') return shareTask(object as Task, previous as Task | undefined, service) as ObjectOf[K];
  if (kind === 'service' && previous) return shareService(object as Service, previous as Service) as ObjectOf[K];
  return object;
}

function shareTask(task: Task, previous: Task | undefined, service: (id: string) => Service | undefined): Task {
  const known = previous?.Spec ?? service(task.ServiceID)?.Spec.TaskTemplate;
  return known && known !== task.Spec && identical(known, task.Spec) ? { ...task, Spec: known } : task;
}

function shareService(service: Service, previous: Service): Service {
  const known = [previous.Spec.TaskTemplate, ...(previous.PreviousSpec ? [previous.PreviousSpec.TaskTemplate] : [])];
  const withKnown = <S extends Service['Spec']>(spec: S): S => {
    const same = known.find((template) => identical(template, spec.TaskTemplate));
    return same && same !== spec.TaskTemplate ? { ...spec, TaskTemplate: same } : spec;
  };
  return { ...service, Spec: withKnown(service.Spec), ...(service.PreviousSpec && { PreviousSpec: withKnown(service.PreviousSpec) }) };
}

/** Equal to the letter, keys in the same order: what stands for the other must not be told apart, neither in a snapshot nor in a hash. */
function identical(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.keys(a), Object.keys(b)];
  if (left.length !== right.length) return false;
  return left.every((key, at) => key === right[at] && identical((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
