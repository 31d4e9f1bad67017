/** No folder of the house holds more files than one takes in at a look: what belongs together gets a folder that says so. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const mostFiles = 15;

/** @param {string} folder @returns {string[]} */
function crowded(folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).length;
  const own = files > mostFiles ? [`${folder} holds ${files} files: ${mostFiles} at most`] : [];
  return [...own, ...entries.filter((entry) => entry.isDirectory()).flatMap((entry) => crowded(join(folder, entry.name)))];
}

const found = crowded('src');
for (const line of found) process.stdout.write(`${line}\n`);
process.exitCode = found.length === 0 ? 0 : 1;
