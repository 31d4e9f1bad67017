/** Reads the table of rooms in src/README.md: the one place where the rules on imports are written. */
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Room
 * @property {string} folder
 * @property {boolean} pure
 * @property {string[]} imports rooms that it may import besides itself
 * @property {string[]} packages packages that enter by it and by no other room
 */

/** @param {string} [path] @returns {Room[]} */
export function readRooms(path = 'src/README.md') {
  const rows = readFileSync(path, 'utf8').matchAll(/^\| `([a-z/]+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$/gm);
  const rooms = [...rows].map(([, folder = '', kind = '', imports = '', packages = '']) => ({
    folder,
    pure: kind.trim() === 'pure',
    imports: imports.trim().split(/\s+/).filter(Boolean),
    packages: packages.trim().split(/\s+/).filter(Boolean),
  }));
  if (rooms.length === 0) throw new Error(`${path} has no table of rooms`);
  return rooms;
}
