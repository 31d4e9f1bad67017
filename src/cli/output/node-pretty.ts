/** `node inspect --pretty`: a node in docker's words and order. */
import { capital, humanSize } from '#base/text/human';
import type { Node } from '#model/object/node';

/** Lines of `node`. Certificates, which docker shows last, are none of ours. */
export function prettyNode(node: Node): readonly string[] {
  const { Description: about, ManagerStatus: manager } = node;
  const plugins = new Map<string, string[]>();
  for (const { Type, Name } of about?.Engine.Plugins ?? []) plugins.set(Type, [...(plugins.get(Type) ?? []), Name]);
  const labels = Object.entries(node.Spec.Labels ?? {});
  return [
    `ID:\t\t\t${node.ID}`,
    ...(node.Spec.Name ? [`Name:\t\t\t${node.Spec.Name}`] : []),
    ...(labels.length > 0 ? ['Labels:', ...labels.map(([key, value]) => ` - ${key}${value && `=${value}`}`)] : []),
    `Hostname:              \t${about?.Hostname ?? ''}`,
    `Joined at:             \t${node.CreatedAt.replace('T', ' ').replace('Z', ' +0000 utc')}`,
    'Status:',
    ` State:\t\t\t${capital(node.Status.State)}`,
    ...(node.Status.Message ? [` Message:\t\t${node.Status.Message}`] : []),
    ` Availability:         \t${capital(node.Spec.Availability)}`,
    ...(node.Status.Addr ? [` Address:\t\t${node.Status.Addr}`] : []),
    ...(manager
      ? ['Manager Status:', ` Address:\t\t${manager.Addr}`, ` Raft Status:\t\t${capital(manager.Reachability)}`, ` Leader:\t\t${manager.Leader ? 'Yes' : 'No'}`]
      : []),
    'Platform:',
    ` Operating System:\t${about?.Platform.OS ?? ''}`,
    ` Architecture:\t\t${about?.Platform.Architecture ?? ''}`,
    'Resources:',
    ` CPUs:\t\t\t${(about?.Resources.NanoCPUs ?? 0) / 1e9}`,
    ` Memory:\t\t${humanSize(about?.Resources.MemoryBytes ?? 0)}`,
    ...(plugins.size > 0 ? ['Plugins:', ...['Log', 'Network', 'Volume'].flatMap((type) => pluginLine(type, plugins.get(type)))] : []),
    `Engine Version:\t\t${about?.Engine.EngineVersion ?? ''}`,
  ];
}

function pluginLine(type: string, names: readonly string[] | undefined): readonly string[] {
  return names ? [` ${type}:\t\t${names.join(', ')}`] : [];
}
