/** A word that a POSIX shell hands on as it is. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * A word as one writes it in a shell, whatever is in it. Control characters, which a terminal would obey and a pasted
 * line would not survive, are written in the form `$'\n'` (bash, zsh, ksh, POSIX.1-2024).
 */
export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (!/\p{Cc}/u.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = word.replaceAll(/[\\']/g, '\\$&').replaceAll(/\p{Cc}/gu, (char) => {
    // As octal bytes of UTF-8: a hexadecimal escape would take in the digits behind it.
    const bytes = [...Buffer.from(char)];
    return bytes.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  });
  return `$'${escaped}'`;
}

/** A command line that a shell splits into just these words. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
