/** How much a stack file may hold: above any honest file, below what hurts. */
export const maxBytes = 1024 * 1024;
export const maxDepth = 128;
/** Words, marks and blanks of the text: the reader needs some 400 bytes and 3 µs for each. */
export const maxLexemes = 300_000;
/** Published ports of one service: every port there is. */
export const maxPorts = 65_536;
/** Values after aliases and merge keys are expanded. */
export const maxValues = 200_000;
