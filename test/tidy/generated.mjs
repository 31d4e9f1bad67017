/** Checks that the committed code of the .proto files is what they give today, and that they keep the style of their kind. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const committed = 'src/rpc/generated';

/** @param {string[]} args */
function buf(args) {
  const result = spawnSync('../node_modules/.bin/buf', args, { cwd: 'schemas', encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`buf ${args[0]}: ${result.stdout}${result.stderr}`);
}

/** @param {string} folder @returns {Map<string, string>} path → content */
function contents(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map((entry) => [join(entry.parentPath, entry.name).slice(folder.length + 1), readFileSync(join(entry.parentPath, entry.name), 'utf8')]));
}

const scratch = mkdtempSync('.test/generated-');
try {
  buf(['lint']);
  // The template writes to ../src/rpc/generated from its own folder; a base folder one level down puts that into the scratch folder.
  buf(['generate', '-o', join('..', scratch, 'schemas')]);
  const [fresh, old] = [contents(join(scratch, committed)), contents(committed)];
  const stale = [...new Set([...fresh.keys(), ...old.keys()])].filter((path) => fresh.get(path) !== old.get(path));
  if (stale.length > 0) throw new Error(`not what the .proto files give: ${stale.map((path) => join(committed, path)).join(', ')}`);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
