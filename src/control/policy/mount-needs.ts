/** What the mounts of a service ask of the host: folders by path, whatever kind of mount brings them, and volumes of others. */
import { cleanPath } from '#model/allowance';
import type { Mount } from '#model/object/service-spec';
import type { FieldNeed } from './container-needs.ts';

/** What a volume in memory may say of itself. */
const tmpfsWord = /^((size|nr_blocks|nr_inodes)=\d+[kmg%]?|mode=[0-7]+|[ug]id=\d+|noexec|nosuid|nodev|ro|rw|)$/i;

/** `isOwn`: whether a volume of that name is the stack's own. */
export function mountNeeds(mount: Mount, isOwn: (volume: string) => boolean): FieldNeed[] {
  const { Type = 'bind', Source = '' } = mount;
  if (Type === 'tmpfs' || Type === 'image') return [];
  if (Type === 'bind' || Type === 'npipe') return [pathNeed(Source, `bind mount of ${Source}`)];
  // The node fills templates in after this was judged.
  if (isTemplate(Source)) return [{ need: { word: 'external', value: '*' }, what: `volume ${Source}, which could be any` }];
  return [
    ...(Source === '' || isOwn(Source) ? [] : [{ need: { word: 'external', value: Source }, what: `volume ${Source}, which is not the stack's own` } as const]),
    ...driverNeeds(mount),
  ];
}

/** A path that is made only where the task runs could be any. */
function pathNeed(path: string, what: string): FieldNeed {
  const known = path.startsWith('/') && !isTemplate(path);
  return { need: { word: 'mounts', value: known ? cleanPath(path) : '/' }, what };
}

/** A local volume with options is a mount by another name; other drivers do what they like. */
function driverNeeds({ Type, Source = '', VolumeOptions }: Mount): FieldNeed[] {
  const { Name = '', Options = {} } = VolumeOptions?.DriverConfig ?? {};
  if (Type === 'cluster') return [{ need: { word: 'volumes', value: 'cluster' }, what: `cluster volume ${Source}` }];
  if (Name !== '' && Name !== 'local') return [{ need: { word: 'volumes', value: Name }, what: `volume ${Source} of driver ${Name}` }];
  const { type = '', device = '', o = '' } = lowerKeys(Options);
  if (type === '' && device === '' && o === '') return [];
  if (Object.values(Options).some(isTemplate)) return [pathNeed('/', `volume ${Source}, whose options could be any`)];
  const words = o.split(',').map((word) => word.trim());
  if (words.some((word) => word === 'bind' || word === 'rbind') || type === 'none' || type === 'bind' || (type === '' && device !== '')) {
    return [pathNeed(device, `volume ${Source}, which is a bind mount of ${device}`)];
  }
  if (type === 'tmpfs' && ['', 'none', 'tmpfs'].includes(device) && words.every((word) => tmpfsWord.test(word))) return [];
  return [{ need: { word: 'volumes', value: type || 'options' }, what: `volume ${Source}, which is a mount of type ${type || 'its options'}` }];
}

function isTemplate(text: string): boolean {
  return text.includes('{{');
}

function lowerKeys(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key.toLowerCase(), value]));
}
