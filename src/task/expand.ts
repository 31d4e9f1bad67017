/** Templates of a task's spec, and of its secrets and configs, filled in for this task on this node. */
import { TemplateBudget } from '#template/budget';
import { TemplateError } from '#template/error';
import { expandTemplate, type TemplateScope } from '#template/expand';
import { textOf } from '#template/text';
import { taskName, type Task } from '#model/object/task';
import type { Config, Secret } from '#model/object/secret';
import type { ContainerSpec, FileTarget, Mount } from '#model/object/service-spec';

/** What a template may say about the node. */
export interface TemplateNode {
  ID: string;
  Hostname: string;
  Platform: { Architecture: string; OS: string };
}

/** SwarmKit's join has the separator first, unlike docker's. */
const specFunctions: TemplateScope['functions'] = { join: (separator, ...values) => values.map(textOf).join(textOf(separator)) };

/** `task` with environment values, hostname, mounts, volume labels and driver options expanded (swarmkit template/). Throws TemplateError. */
export function expandTask(task: Task, node: TemplateNode, budget = new TemplateBudget()): Task {
  const spec = task.Spec.ContainerSpec;
  if (!spec) return task;
  const scope: TemplateScope = { data: dataOf(task, node), functions: specFunctions, missing: 'error', budget };
  const expanded: ContainerSpec = {
    ...spec,
    ...(spec.Env && { Env: spec.Env.map((line) => expandEnv(line, scope)) }),
    ...(spec.Hostname && { Hostname: expandTemplate(spec.Hostname, scope) }),
    ...(spec.Mounts && { Mounts: spec.Mounts.map((mount) => expandMount(mount, scope)) }),
  };
  return { ...task, Spec: { ...task.Spec, ContainerSpec: expanded } };
}

/**
 * A secret or config whose payload is a template (Templating "golang") with the payload filled in; others as they are.
 * `task` is the expanded one: `env` reads its values; `budget` is the task's. Throws TemplateError.
 */
export function expandPayload<T extends Secret | Config>(object: T, task: Task, node: TemplateNode, files: TaskFiles, budget = new TemplateBudget()): T {
  const engine = object.Spec.Templating?.Name;
  if (!engine) return object;
  if (engine !== 'golang') throw new TemplateError('unrecognized template type');
  const scope: TemplateScope = { data: dataOf(task, node), functions: { ...specFunctions, ...payloadFunctions(task, files) }, missing: 'error', budget };
  const text = expandTemplate(decodeText(object.Spec.Data ?? ''), scope);
  return { ...object, Spec: { ...object.Spec, Data: encodeText(text) } };
}

/** The objects that a task's file references name. */
export interface TaskFiles {
  secrets: readonly Secret[];
  configs: readonly Config[];
}

function payloadFunctions(task: Task, files: TaskFiles): TemplateScope['functions'] {
  const spec = task.Spec.ContainerSpec ?? {};
  const find = (kind: string, references: readonly { id: string | undefined; File?: FileTarget }[], objects: readonly (Secret | Config)[], target: unknown) => {
    const reference = references.find((each) => each.File?.Name === target);
    const object = objects.find((each) => each.ID === reference?.id);
    if (!object) throw new TemplateError(`${kind} target ${String(target)} not found`);
    return decodeText(object.Spec.Data ?? '');
  };
  return {
    secret: (target) =>
      find(
        'secret',
        (spec.Secrets ?? []).map((each) => ({ ...each, id: each.SecretID })),
        files.secrets,
        target,
      ),
    config: (target) =>
      find(
        'config',
        (spec.Configs ?? []).map((each) => ({ ...each, id: each.ConfigID })),
        files.configs,
        target,
      ),
    env: (name) => {
      const prefix = `${textOf(name ?? '')}=`;
      return spec.Env?.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? '';
    },
  };
}

function dataOf(task: Task, node: TemplateNode): object {
  return {
    Service: { ID: task.ServiceID, Name: task.Shoal.ServiceName, Labels: task.Shoal.ServiceLabels },
    Node: { ID: node.ID, Hostname: node.Hostname, Platform: { Architecture: node.Platform.Architecture, OS: node.Platform.OS } },
    Task: { ID: task.ID, Name: taskName(task), Slot: task.Slot ?? task.NodeID },
  };
}

/** Only the value after the first `=`. */
function expandEnv(line: string, scope: TemplateScope): string {
  const at = line.indexOf('=');
  return at < 0 ? line : line.slice(0, at + 1) + expandTemplate(line.slice(at + 1), scope);
}

function expandMount(mount: Mount, scope: TemplateScope): Mount {
  const volume = mount.VolumeOptions;
  const driver = volume?.DriverConfig;
  return {
    ...mount,
    ...(mount.Source && { Source: expandTemplate(mount.Source, scope) }),
    ...(mount.Target && { Target: expandTemplate(mount.Target, scope) }),
    ...(volume && {
      VolumeOptions: {
        ...volume,
        ...(volume.Labels && { Labels: expandValues(volume.Labels, scope) }),
        ...(driver && { DriverConfig: { ...driver, ...(driver.Options && { Options: expandValues(driver.Options, scope) }) } }),
      },
    }),
  };
}

function expandValues(values: Readonly<Record<string, string>>, scope: TemplateScope): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, expandTemplate(value, scope)]));
}

function decodeText(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    throw new TemplateError('template: data is not base64');
  }
}

function encodeText(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}
