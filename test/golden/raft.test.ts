import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RaftScript } from '#test/support/raft-script';

const folder = join(import.meta.dirname, 'raft');
const names = (await readdir(folder)).filter((name) => name.endsWith('.txt'));

/** Lines that begin with `>` are commands, with `#` remarks; what follows a command is its outcome. */
function play(text: string): string {
  const script = new RaftScript();
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('>') && !line.startsWith('#')) continue;
    lines.push(line);
    if (line.startsWith('>')) lines.push(...script.run(line.slice(1).trim()).map((one) => `  ${one}`));
  }
  return `${lines.join('\n')}\n`;
}

// SHOAL_REWRITE=1 writes the outcomes anew; the change is then reviewed as a diff.
test.each(names)('%s plays as written', async (name) => {
  const path = join(folder, name);
  const text = await readFile(path, 'utf8');
  const played = play(text);
  if (process.env['SHOAL_REWRITE'] === '1') await writeFile(path, played);
  else expect(played).toBe(text);
});
