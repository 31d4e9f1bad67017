/** The short form of a mount: `[source:]target[:options]`. */
import { Refusal } from '#base/refusal';
import type { MountModel } from '../project.ts';

const propagations = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

/**
 * Throws Refusal `invalid spec: …`.
 * Kept fault of Docker's parser: a single letter before a colon is taken for a Windows drive, so `v:/x` is one section.
 */
export function parseVolumeSpec(spec: string): MountModel {
  if (spec === '') throw new Refusal('invalidArgument', 'invalid empty volume spec');
  if (Array.from(spec).length <= 2) return { type: 'volume', target: spec };
  const sections = sectionsOf(spec);
  if (sections.some((section) => section === '')) throw bad(spec, 'empty section between colons');
  if (sections.length > 3) throw bad(spec, 'too many colons');
  const [first = '', second, options] = sections;
  if (second === undefined) return { type: 'volume', target: first };
  return { type: isFilePath(first) ? 'bind' : 'volume', source: first, target: second, ...optionsOf(options ?? '') };
}

function bad(spec: string, why: string): Refusal {
  return new Refusal('invalidArgument', `invalid spec: ${spec}: ${why}`);
}

function sectionsOf(spec: string): string[] {
  const sections: string[] = [];
  let section = '';
  for (const character of spec) {
    if (character === ':' && !/^\p{L}$/u.test(section)) {
      sections.push(section);
      section = '';
    } else section += character;
  }
  return [...sections, section];
}

function optionsOf(text: string): MountModel {
  const mount: MountModel = {};
  for (const option of text.split(',')) {
    if (option === 'ro' || option === 'rw') mount.read_only = option === 'ro';
    if (option === 'nocopy') mount.volume = { nocopy: true };
    if (propagations.has(option)) mount.bind = { propagation: option };
  }
  return mount;
}

function isFilePath(source: string): boolean {
  return /^([./~]|\\\\|\p{L}:)/u.test(source);
}
