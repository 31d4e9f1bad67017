/** How much a stack file may hold: above any honest file, below what hurts. */
export const maxBytes = 1024 * 1024;
export const maxDepth = 128;
/** Words, marks and blanks of the text: the reader needs some 400 bytes and 3 µs for each, and what comes after it as much again. The largest files that people publish have 5,000. */
export const maxLexemes = 150_000;
/** Published ports of a stack: every port there is. */
export const maxPorts = 65_536;
/** Values after aliases and merge keys are expanded. */
export const maxValues = 100_000;
/** Characters that variables put into one file. */
export const maxFilledIn = 4 * 1024 * 1024;
/** What looking a variable up counts at least, in such characters. */
export const minFilledIn = 16;
/** Longer texts are no durations, port specifications or addresses, and are not looked into. */
export const maxWord = 256;
