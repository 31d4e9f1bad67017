/** Mounts of a service: short and long forms, bind sources made absolute. */
import { posix } from 'node:path';
import { parseSize } from '#base/text/human';
import { Refusal } from '#base/refusal';
import type { MountModel } from '../project.ts';
import { isList, isMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { absolute } from './context.ts';
import type { Context } from './context.ts';
import { decodeError, flag, given, integer, strings, text } from './decode.ts';
import { parseVolumeSpec } from './volume-spec.ts';

export function mounts(value: Value | undefined, context: Context): MountModel[] | undefined {
  if (!isList(value)) return undefined;
  return value.map((item, index) => {
    const field = `Volumes[${index}]`;
    return resolveSource(isMap(item) ? longMount(item, field) : shortMount(text(item, field) ?? '', field, context), context);
  });
}

function shortMount(spec: string, field: string, context: Context): MountModel {
  // On Linux nobody means a drive by one letter: spec mode reads `v:/x` as the named volume v.
  const named = /^([A-Za-z]):(\/[^:]*)(?::(.*))?$/.exec(spec);
  if (context.mode === 'spec' && named) {
    const rest = parseVolumeSpec(`_${spec}`);
    return { ...rest, source: named[1] ?? '', type: 'volume' };
  }
  try {
    return parseVolumeSpec(spec);
  } catch (error) {
    throw error instanceof Refusal ? decodeError(field, error.message) : error;
  }
}

function longMount(map: ValueMap, field: string): MountModel {
  const { bind, volume, tmpfs, image } = map;
  return given<MountModel>({
    type: text(map.type, `${field}.Type`),
    source: text(map.source, `${field}.Source`),
    target: text(map.target, `${field}.Target`),
    read_only: flag(map.read_only),
    consistency: text(map.consistency, `${field}.Consistency`),
    bind: isMap(bind)
      ? given<NonNullable<MountModel['bind']>>({
          propagation: text(bind.propagation, `${field}.Bind.Propagation`),
          create_host_path: flag(bind.create_host_path),
          recursive: text(bind.recursive, `${field}.Bind.Recursive`),
        })
      : undefined,
    volume: isMap(volume)
      ? given<NonNullable<MountModel['volume']>>({
          nocopy: flag(volume.nocopy),
          subpath: text(volume.subpath, `${field}.Volume.Subpath`),
          labels: strings(volume.labels),
        })
      : undefined,
    tmpfs: isMap(tmpfs)
      ? given<NonNullable<MountModel['tmpfs']>>({
          size: typeof tmpfs.size === 'string' ? parseSize(tmpfs.size) : integer(tmpfs.size),
          mode: fileMode(tmpfs.mode),
        })
      : undefined,
    cluster: isMap(map.cluster) ? {} : undefined,
    image: isMap(image) ? given<NonNullable<MountModel['image']>>({ subpath: text(image.subpath, `${field}.Image.Subpath`) }) : undefined,
  });
}

/** Permission bits; a text is octal, as chmod's is. */
export function fileMode(value: Value | undefined): number | undefined {
  if (typeof value === 'string' && /^[0-7]{1,5}$/.test(value)) return Number.parseInt(value, 8);
  const number = numberOf(value);
  return number === undefined ? undefined : Math.trunc(number);
}

function resolveSource(mount: MountModel, context: Context): MountModel {
  if (mount.type !== 'bind') return mount;
  if (mount.source === undefined || mount.source === '') {
    throw new Refusal('invalidArgument', 'invalid mount config for type "bind": field Source must not be empty');
  }
  const source = expandHome(mount.source, context);
  if (posix.isAbsolute(source) || isWindowsPath(source)) return { ...mount, source };
  return { ...mount, source: absolute(context.directory, source) };
}

function expandHome(path: string, context: Context): string {
  if (!path.startsWith('~')) return path;
  if (context.home !== undefined) return context.home + path.slice(1);
  context.warn("cannot expand '~', because the environment lacks HOME");
  return path;
}

/** As Go sees it: a drive and a path, or a server, a share and a path; a pipe's `\\.\` is no server. */
function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) || /^[\\/]{2}[^\\/.][^\\/]*[\\/][^\\/.][^\\/]*[\\/]/.test(path);
}
