/** `stack config`: the merged model printed as Docker prints it, long forms throughout. */
import { Refusal } from '#base/refusal';
import type { LoadRequest } from '../compose.ts';
import type { FileModel, NetworkModel, Project, VolumeModel } from '../project.ts';
import { loadStrictProject } from '../strict/load.ts';
import type { StrictOptions } from '../strict/load.ts';
import type { Notice } from '../strict/notices.ts';
import { clusterSpec } from './cluster-spec.ts';
import type { Ordered } from './emit.ts';
import { emitYaml } from './emit.ts';
import { extras, full, list, some, sorted, struct } from './fields.ts';
import { service } from './service.ts';

/** Text for stdout, or the text of the failure for stderr before exit 1. */
export type ConfigResult = { notices: readonly Notice[]; text: string } | { notices: readonly Notice[]; error: string };

/** Loads version 3 files and prints them; never throws on bad files. */
export function renderStrictConfig(request: LoadRequest, options: StrictOptions = {}): ConfigResult {
  const notices: Notice[] = [];
  try {
    return { notices, text: renderProject(loadStrictProject(request, notices, options).project) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { notices, error: error.message };
  }
}

function renderProject(project: Project): string {
  return emitYaml(
    struct([
      ['version', project.version],
      ['services', sorted(project.services, service)],
      ['networks', some(sorted(project.networks, network))],
      ['volumes', some(sorted(project.volumes, volume))],
      ['secrets', some(sorted(project.secrets, file))],
      ['configs', some(sorted(project.configs, file))],
      ...extras(project.extras),
    ]),
  );
}

function network(model: NetworkModel): Ordered {
  const { ipam } = model;
  const pools = list(ipam?.config, ({ subnet }) => struct([['subnet', full(subnet)]]));
  return struct([
    ['name', full(model.name)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    [
      'ipam',
      some(
        struct([
          ['driver', full(ipam?.driver)],
          ['config', pools],
        ]),
      ),
    ],
    ['external', full(model.external)],
    ['internal', full(model.internal)],
    ['attachable', full(model.attachable)],
    ['labels', full(model.labels)],
    ...extras(model.extras),
  ]);
}

function volume(model: VolumeModel): Ordered {
  return struct([
    ['name', full(model.name)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    ['external', full(model.external)],
    ['labels', full(model.labels)],
    ['x-cluster-spec', clusterSpec(model['x-cluster-spec'])],
    ...extras(model.extras),
  ]);
}

function file(model: FileModel): Ordered {
  return struct([
    ['name', full(model.name)],
    ['file', full(model.file)],
    ['external', full(model.external)],
    ['labels', full(model.labels)],
    ['driver', full(model.driver)],
    ['driver_opts', full(model.driver_opts)],
    ['template_driver', full(model.template_driver)],
    ...extras(model.extras),
  ]);
}
