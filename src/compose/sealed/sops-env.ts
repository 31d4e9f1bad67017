/** SOPS files in the form of environment files: a line a variable, the metadata in variables that begin with `sops_`. */
import { Refusal } from '#base/refusal';
import { metadataOf, type SopsDocument, type SopsLeaf } from './sops-document.ts';

interface Line {
  name: string;
  value: string;
}

export function readEnv(text: string): SopsDocument | undefined {
  const lines: Line[] = [];
  const facts: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [number, line] of text.split('\n').entries()) {
    // Comments may be encrypted as well, and count for nothing.
    if (line === '' || line.startsWith('#')) continue;
    const end = line.indexOf('=');
    if (end === -1) throw new Refusal('invalidArgument', `line ${number + 1} is neither NAME=VALUE nor a comment`);
    const [name, value] = [line.slice(0, end), line.slice(end + 1)];
    if (name.startsWith('sops_')) facts[name.slice('sops_'.length)] = value.replaceAll('\\n', '\n');
    else lines.push({ name, value });
  }
  const metadata = metadataOf({ ...facts, age: recipients(facts) });
  if (!metadata) return undefined;
  const values = lines.map((line): SopsLeaf => {
    const value = line.value.startsWith('ENC[') ? line.value : line.value.replaceAll('\\n', '\n');
    return { path: [line.name], value, set: (opened) => (line.value = String(opened).replaceAll('\n', '\\n')) };
  });
  return { metadata, values, text: () => lines.map(({ name, value }) => `${name}=${value}\n`).join('') };
}

/** `age__list_0__map_enc`, `age__list_0__map_recipient`, and so on. */
function recipients(facts: Readonly<Record<string, string>>): { recipient: string | undefined; enc: string | undefined }[] {
  const numbers = Object.keys(facts).flatMap((name) => /^age__list_(\d{1,4})__map_enc$/.exec(name)?.[1] ?? []);
  return numbers.map((number) => ({ recipient: facts[`age__list_${number}__map_recipient`], enc: facts[`age__list_${number}__map_enc`] }));
}
