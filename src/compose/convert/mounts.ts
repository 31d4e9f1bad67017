/** Mounts of a service, with the options of the volumes they name. */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';
import type { Mount } from '#model/object/service-spec';
import type { MountModel, Project, VolumeModel } from '../project.ts';
import { filled, scoped, someOf, stackLabels } from './names.ts';

type MountType = NonNullable<Mount['Type']>;
type Part = 'bind' | 'volume' | 'tmpfs' | 'cluster' | 'image';

/** Which options a kind of mount may not have, in the order Docker looks. */
const incompatible: Readonly<Record<string, readonly Part[]>> = {
  volume: ['tmpfs', 'bind', 'cluster', 'image'],
  bind: ['volume', 'tmpfs', 'cluster', 'image'],
  tmpfs: ['bind', 'volume', 'cluster', 'image'],
  npipe: ['volume', 'tmpfs', 'cluster', 'image'],
  cluster: ['tmpfs', 'bind', 'volume', 'image'],
  image: ['tmpfs', 'bind', 'volume', 'cluster'],
};

/** Throws Refusal on options that do not go together and on volumes that are not declared. Not `whole`: without what Docker's CLI leaves out. */
export function convertMount(mount: MountModel, project: Project, stack: string, whole: boolean): Mount {
  const type = mount.type || 'volume';
  const forbidden = own(incompatible, type);
  if (!forbidden) throw refuse('volume type must be volume, bind, tmpfs, npipe, or cluster');
  checkSource(type, mount);
  const part = forbidden.find((name) => mount[name] !== undefined);
  if (part) throw refuse(`${part} options are incompatible with type ${type}`);
  const base = filled<Mount>({
    Type: type as MountType,
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.read_only,
    Consistency: mount.consistency,
  });
  switch (type as MountType) {
    case 'volume':
      return volumeMount(base, mount, project, stack);
    case 'cluster':
      return clusterMount(base, mount, project, stack);
    case 'tmpfs':
      return mount.tmpfs ? { ...base, TmpfsOptions: filled({ SizeBytes: mount.tmpfs.size, Mode: whole ? mount.tmpfs.mode : undefined }) } : base;
    case 'image':
      return mount.image ? { ...base, ImageOptions: filled({ Subpath: mount.image.subpath }) } : base;
    case 'bind':
    case 'npipe':
      return mount.bind ? { ...base, BindOptions: bindOptions(mount.bind, whole) } : base;
  }
}

function bindOptions(bind: NonNullable<MountModel['bind']>, whole: boolean): NonNullable<Mount['BindOptions']> {
  if (!whole) return filled<NonNullable<Mount['BindOptions']>>({ Propagation: bind.propagation });
  return filled<NonNullable<Mount['BindOptions']>>({
    Propagation: bind.propagation,
    CreateMountpoint: bind.create_host_path,
    NonRecursive: bind.recursive === 'disabled',
    ReadOnlyNonRecursive: bind.recursive === 'writable',
    ReadOnlyForceRecursive: bind.recursive === 'readonly',
  });
}

function checkSource(type: string, mount: MountModel): void {
  if (type === 'tmpfs' && mount.source) throw refuse('invalid tmpfs source, source must be empty');
  if (['bind', 'npipe', 'cluster', 'image'].includes(type) && !mount.source) throw refuse(`invalid ${type} source, source cannot be empty`);
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}

function declared(project: Project, name: string): VolumeModel {
  const volume = project.volumes[name];
  if (!volume) throw refuse(`undefined volume "${name}"`);
  return volume;
}

function volumeMount(base: Mount, mount: MountModel, project: Project, stack: string): Mount {
  if (!mount.source) return base;
  const volume = declared(project, mount.source);
  const options = filled<NonNullable<Mount['VolumeOptions']>>({ NoCopy: mount.volume?.nocopy, Subpath: mount.volume?.subpath });
  const named: Mount = { ...base, Source: volume.name || scoped(stack, mount.source) };
  if (volume.external === true) return { ...named, VolumeOptions: options };
  const driver = volume.driver || volume.driver_opts ? filled({ Name: volume.driver, Options: someOf(volume.driver_opts) }) : undefined;
  return {
    ...named,
    VolumeOptions: { ...options, Labels: stackLabels(stack, { ...volume.labels, ...mount.volume?.labels }), ...(driver && { DriverConfig: driver }) },
  };
}

/** A group of cluster volumes is named as it is; a single one like any volume of the stack. */
function clusterMount(base: Mount, mount: MountModel, project: Project, stack: string): Mount {
  const source = mount.source ?? '';
  if (source.startsWith('group:')) return { ...base, ClusterOptions: {} };
  const volume = declared(project, source);
  return { ...base, Source: volume.name || scoped(stack, source), ClusterOptions: {} };
}
