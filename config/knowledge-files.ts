/** Which files of a folder of articles or macros are read: for those that load them and those that watch them alike. */

/** Larger files are refused. In bytes. */
export const largestFile = 1_000_000;
/** The most files of one folder. */
export const mostFiles = 5_000;
/** Folders nested deeper than this are not read. */
export const deepestFolder = 12;

/** Whether a file of this name holds an article or a macro. */
export function isMarkdownName(name: string): boolean {
  return /\.(?:md|markdown)$/i.test(name);
}
