/** Makes the paths of a file in another folder absolute, so that it can be merged into one of ours. */
import { absolute } from '../normalise/context.ts';
import { isList, isMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';

function changed(map: ValueMap, key: string, change: (value: Value) => Value): ValueMap {
  const value = map[key];
  return value === undefined ? map : { ...map, [key]: change(value) };
}

function each(value: Value, change: (value: Value) => Value): Value {
  return isList(value) ? value.map(change) : change(value);
}

/** Paths of one service: env files, label files, bind sources, the files of what it extends. */
export function rebaseService(service: ValueMap, folder: string): ValueMap {
  const file = (value: Value): Value => (typeof value === 'string' ? absolute(folder, value) : value);
  const entry = (value: Value): Value => (isMap(value) ? changed(value, 'path', file) : file(value));
  let result = changed(service, 'env_file', (value) => each(value, entry));
  result = changed(result, 'label_file', (value) => each(value, file));
  result = changed(result, 'volumes', (value) => each(value, (mount) => rebaseMount(mount, folder)));
  return changed(result, 'extends', (value) => (isMap(value) ? changed(value, 'file', file) : value));
}

function rebaseMount(mount: Value, folder: string): Value {
  if (isMap(mount)) return mount.type === 'bind' ? changed(mount, 'source', (source) => relative(source, folder)) : mount;
  return typeof mount === 'string' ? mount.replace(/^\.[^:]*/, (source) => absolute(folder, source)) : mount;
}

/** `~` is left for the one who knows whose home it is. */
function relative(value: Value, folder: string): Value {
  return typeof value === 'string' && !value.startsWith('~') ? absolute(folder, value) : value;
}

/** Paths of a whole file. */
export function rebaseFile(file: ValueMap, folder: string): ValueMap {
  const inSection =
    (change: (entry: ValueMap) => ValueMap) =>
    (section: Value): Value => {
      if (!isMap(section)) return section;
      return Object.fromEntries(Object.entries(section).map(([key, entry]) => [key, isMap(entry) ? change(entry) : entry]));
    };
  const files = inSection((entry) => changed(entry, 'file', (value) => (typeof value === 'string' ? absolute(folder, value) : value)));
  let result = changed(
    file,
    'services',
    inSection((service) => rebaseService(service, folder)),
  );
  result = changed(result, 'secrets', files);
  return changed(result, 'configs', files);
}
