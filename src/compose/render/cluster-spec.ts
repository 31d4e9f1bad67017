/** `x-cluster-spec` of a volume as `stack config` prints it: known keys in their order, sizes in bytes. */
import { parseSize } from '#base/text/human';
import { strings } from '../normalise/decode.ts';
import { isList, isMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { Ordered } from './emit.ts';
import type { Printable } from './emit.ts';

export function clusterSpec(value: Value | undefined): Printable | undefined {
  if (!isMap(value)) return undefined;
  return pick(value, {
    group: keep,
    access_mode: (mode) => nested(mode, { scope: keep, sharing: keep, mount_volume: keep, block_volume: keep }),
    accessibility_requirements: (needs) => nested(needs, { requisite: topologies, preferred: topologies }),
    capacity_range: (range) => nested(range, { required_bytes: bytes, limit_bytes: bytes }),
    secrets: (secrets) => (isList(secrets) ? secrets.map((item) => nested(item, { key: keep, secret: keep })) : secrets),
    availability: keep,
  });
}

type Change = (value: Value) => Printable;

function keep(value: Value): Printable {
  return value;
}

function pick(map: ValueMap, keys: Readonly<Record<string, Change>>): Ordered {
  return new Ordered(Object.entries(keys).flatMap(([key, change]) => (map[key] === undefined ? [] : [[key, change(map[key])] as const])));
}

function nested(value: Value, keys: Readonly<Record<string, Change>>): Printable {
  return isMap(value) ? pick(value, keys) : value;
}

function topologies(value: Value): Printable {
  if (!isList(value)) return value;
  return value.map((item) => nested(item, { segments: (segments) => (strings(segments) as ValueMap | undefined) ?? segments }));
}

function bytes(value: Value): Printable {
  return typeof value === 'string' ? String(parseSize(value)) : value;
}
