/** Import rules, made from the table of rooms. Each says what to do instead. */
import { readRooms } from './table.mjs';

const rooms = readRooms();

/** What only computes; everything else of node: is an effect. */
const computing = '^(node:)?(path|path/posix|crypto)$';

/** @param {string[]} names */
const oneOf = (names) => `(${names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|')})`;

const edges = rooms.map(({ folder, imports }) => ({
  name: `room-${folder}`,
  severity: 'error',
  comment: `src/${folder} may import ${imports.join(', ') || 'no other room'}. Move the rule both need down to a room they share, or hand the thing in as an argument; the table in src/README.md is the law.`,
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/${oneOf([folder, ...imports])}/` },
}));

const doors = rooms
  .filter(({ packages }) => packages.length > 0)
  .map(({ folder, packages }) => ({
    name: `door-${folder}`,
    severity: 'error',
    comment: `${packages.join(', ')} enter by src/${folder} only. Ask that room for what you need.`,
    from: { path: '^src/', pathNot: `^src/${folder}/` },
    to: { path: `node_modules/${oneOf(packages)}/` },
  }));

const pure = rooms.filter((room) => room.pure).map((room) => room.folder);

export default {
  forbidden: [
    ...edges,
    ...doors,
    {
      name: 'pure-rooms-do-no-io',
      severity: 'error',
      comment: 'A pure room decides and touches nothing. Take a narrow function as an argument and let a driver do it.',
      from: { path: `^src/${oneOf(pure)}/` },
      to: { dependencyTypes: ['core'], pathNot: computing },
    },
    {
      name: 'no-file-cycles',
      severity: 'error',
      comment: 'Two files need each other: move what both use to a third, or join them.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-folder-cycles',
      severity: 'error',
      comment: 'Two folders need each other: the table of rooms has lost its order.',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      comment: 'Nothing in src may need test: move what is shared into src.',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'The import leads nowhere: mend the path, or pin the package in package.json.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
